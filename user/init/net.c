// SPDX-License-Identifier: MIT
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "console.h"
#include "net.h"
#include "net_dhcp.h"
#include "net_link.h"

#define FILE_BYTES_MAX	4096
#define TURN_MIN_MS	1500	/* at the end of root-wait, too */
#define DIR_OF_OURS	"/run/pvkit-init"

static struct net up;
static bool is_up;
static struct dhcp_turn turn;
static int64_t begin;	/* 0: not yet */

/* ---- for those who come after us ---- */

/* Shells read it: no value ends its own quotes. */
static void put_text(struct pvk_buf *buf, const char *name, const char *text)
{
	pvk_buf_printf(buf, "%s='", name);
	for (; *text; text++) {
		if (*text == '\'')
			pvk_buf_puts(buf, "'\\''");
		else
			pvk_buf_putc(buf, *text);
	}
	pvk_buf_puts(buf, "'\n");
}

static void put_address(struct pvk_buf *buf, const char *name, uint32_t address)
{
	char text[NET_ADDRESS_SIZE];

	put_text(buf, name, net_address_text(address, text));
}

static void write_file(const char *path, const struct pvk_buf *buf)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, pvk_buf_str(buf), buf->len) != (ssize_t)buf->len)
		say("%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void write_words(const struct net_words *words, const struct dhcp_answer *is)
{
	pvk_auto_buf struct pvk_buf buf = PVK_BUF_INIT(FILE_BYTES_MAX);
	char path[64], number[16];

	put_text(&buf, "DEVICE", up.device);
	put_text(&buf, "PROTO", words->how == NET_DHCP ? "dhcp" : "none");
	put_address(&buf, "IPV4ADDR", is->address);
	put_address(&buf, "IPV4BROADCAST", is->address | ~is->netmask);
	put_address(&buf, "IPV4NETMASK", is->netmask);
	put_address(&buf, "IPV4GATEWAY", is->gateway);
	put_address(&buf, "IPV4DNS0", is->dns[0]);
	put_address(&buf, "IPV4DNS1", is->dns[1]);
	put_address(&buf, "IPV4NTP0", is->ntp);
	put_text(&buf, "HOSTNAME", up.hostname);
	put_text(&buf, "DNSDOMAIN", is->domain);
	put_address(&buf, "ROOTSERVER", up.server);
	put_text(&buf, "ROOTPATH", is->root_path);
	put_text(&buf, "filename", is->file);
	if (words->how == NET_DHCP) {
		snprintf(number, sizeof(number), "%u", is->lease);
		put_text(&buf, "DHCPLEASETIME", number);
		put_address(&buf, "SERVERID", is->server);
	}
	snprintf(path, sizeof(path), NET_FILE, up.device);
	write_file(path, &buf);
}

static void write_resolv(const struct dhcp_answer *is)
{
	pvk_auto_buf struct pvk_buf buf = PVK_BUF_INIT(FILE_BYTES_MAX);
	char text[NET_ADDRESS_SIZE];
	size_t i;

	if (is->domain[0])
		pvk_buf_printf(&buf, "search %s\n", is->domain);
	for (i = 0; i < NET_DNS_MAX; i++)
		if (is->dns[i])
			pvk_buf_printf(&buf, "nameserver %s\n", net_address_text(is->dns[i], text));
	mkdir(DIR_OF_OURS, 0755);
	write_file(NET_RESOLV, &buf);
}

/* ---- what there is, and what is asked for ---- */

/* What the command line or init.conf says counts more than an answer. */
static void prefer_words(struct dhcp_answer *is, const struct net_words *words)
{
	if (words->netmask)
		is->netmask = words->netmask;
	if (words->gateway)
		is->gateway = words->gateway;
	if (words->hostname[0])
		strcpy(is->hostname, words->hostname);
	if (words->domain[0])
		strcpy(is->domain, words->domain);
	if (words->dns[0])
		memcpy(is->dns, words->dns, sizeof(is->dns));
	if (words->ntp)
		is->ntp = words->ntp;
}

static void name_host(const char *name)
{
	char text[NET_ADDRESS_SIZE];

	/* The kernel's own name for a machine that nobody has given one. */
	if (!*name)
		name = net_address_text(up.address, text);
	snprintf(up.hostname, sizeof(up.hostname), "%s", name);
	if (sethostname(up.hostname, strlen(up.hostname)))
		say("the name %s can't be set: %s", up.hostname, strerror(errno));
}

static void report(const struct net_words *words, const struct dhcp_answer *is)
{
	char address[NET_ADDRESS_SIZE], gateway[NET_ADDRESS_SIZE] = "", server[NET_ADDRESS_SIZE];

	say("%s is %s/%u%s%s, %s%s, after %lld s", up.device,
	    net_address_text(is->address, address), net_mask_bits(is->netmask),
	    is->gateway ? " by " : "", is->gateway ? net_address_text(is->gateway, gateway) : "",
	    words->how == NET_DHCP ? "of " : "as ip= has it",
	    words->how == NET_DHCP ? net_address_text(is->server, server) : "",
	    (long long)(clock_ms() - begin) / 1000);
}

static int take(const struct net_words *words, const struct net_link *link,
		struct dhcp_answer *is, struct pvk_err *err)
{
	struct net_link_setup setup = { .mtu = is->mtu };
	int ret;

	prefer_words(is, words);
	setup.address = is->address;
	setup.netmask = is->netmask;
	setup.gateway = is->gateway;
	ret = net_link_set(link->name, &setup, err);
	if (ret)
		return ret;
	strcpy(up.device, link->name);
	up.address = is->address;
	up.server = words->server ? words->server : is->next_server ? is->next_server : is->server;
	up.dhcp = *is;
	name_host(is->hostname);
	/* As the kernel has it, of ip= and not of an answer. */
	if (words->domain[0] && setdomainname(words->domain, strlen(words->domain)))
		say("the domain %s can't be set: %s", words->domain, strerror(errno));
	write_words(words, is);
	write_resolv(is);
	report(words, is);
	is_up = true;
	return 0;
}

static int take_static(const struct net_words *words, const struct net_link *link,
		       struct pvk_err *err)
{
	struct dhcp_answer is = { .address = words->client };

	return take(words, link, &is, err);
}

/* As it would have to be written. */
static const char *ip_of(const struct root *root)
{
	return root->boot->ip[0] ? root->boot->ip : "dhcp";
}

static int take_dhcp(const struct root *root, const struct net_words *words,
		     const struct net_link *links, unsigned int count, struct pvk_err *err)
{
	long left = root_left_ms(root);
	struct dhcp_answer answer;
	int found;

	turn.seconds = (unsigned int)((clock_ms() - begin) / 1000);
	found = dhcp_ask(links, count, words, &turn, left > TURN_MIN_MS ? left : TURN_MIN_MS,
			 &answer);
	turn.count++;
	if (found < 0)
		return pvk_err_set(err, -ENODEV, "ip=%s: no answer by DHCP", ip_of(root));
	return take(words, &links[found], &answer, err);
}

static int find_ready(const struct net_link *links, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		if (links[i].ready)
			return (int)i;
	return -ENODEV;
}

static int bring_up(const struct root *root, const struct net_words *words, struct pvk_err *err)
{
	struct net_link links[NET_LINKS_MAX];
	unsigned int count = net_links(links, words->device);
	int ready = find_ready(links, count);

	if (!count)
		return pvk_err_set(err, -ENODEV, "ip=%s: there is no network interface%s%s",
				   ip_of(root), words->device[0] ? " " : "", words->device);
	if (ready < 0)
		return pvk_err_set(err, -ENODEV, "ip=%s: %s has no carrier", ip_of(root),
				   count == 1 ? links[0].name : "no interface");
	if (words->how == NET_STATIC)
		return take_static(words, &links[ready], err);
	return take_dhcp(root, words, links, count, err);
}

int net_up(const struct root *root, const struct net **net, struct pvk_err *err)
{
	struct net_words words;
	int ret;

	*net = &up;
	if (is_up)
		return 0;
	ret = net_words_parse(&words, ip_of(root), err);
	if (ret)
		return ret;
	if (!begin)
		begin = clock_ms();
	up.server = words.server;
	if (net_link_addressed(up.device, &up.address) || words.how == NET_OFF) {
		say_debug("the network is taken as it is");
		gethostname(up.hostname, sizeof(up.hostname) - 1);
		is_up = true;
		return 0;
	}
	return bring_up(root, &words, err);
}
