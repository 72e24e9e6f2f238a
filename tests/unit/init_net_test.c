// SPDX-License-Identifier: MIT
/*
 * pvkit-init's network: ip=, nfsroot= and what a DHCP server may say
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dhcp_packet.h"
#include "ktap.h"
#include "net_link.h"
#include "net_words.h"
#include "nfs_words.h"

/* ---- ip= ---- */

static struct net_words words;
static struct pvk_err err;

static int when_ip(const char *text)
{
	err.text[0] = '\0';
	return net_words_parse(&words, text, &err);
}

static const char *text_of(uint32_t address)
{
	static char text[4][NET_ADDRESS_SIZE];
	static unsigned int n;

	return net_address_text(address, text[n++ % 4]);
}

static void test_ip_words(void)
{
	static const struct {
		const char *text;
		int how;	/* or a negative errno */
	} words_alone[] = {
		{ "dhcp", NET_DHCP }, { "on", NET_DHCP }, { "any", NET_DHCP },
		{ "off", NET_OFF }, { "none", NET_OFF }, { "", NET_OFF },
		{ ":::::eth0:dhcp", NET_DHCP }, { ":::::eth0", NET_DHCP },
		{ ":::::eth0:off", NET_OFF }, { "::::::none", NET_OFF },
		{ "10.0.0.2", NET_STATIC }, { "10.0.0.2::::::dhcp", NET_STATIC },
		{ "10.0.0.2:::::eth0:off", NET_STATIC }, { "0.0.0.0", NET_DHCP },
		{ "10.0.0.2::::::::::::", NET_STATIC },
		{ "both", -EINVAL }, { "bootp", -EINVAL }, { "rarp", -EINVAL },
		{ "DHCP", -EINVAL }, { "dhcpx", -EINVAL }, { "eth0:dhcp", -EINVAL },
		{ "10.0.0", -EINVAL }, { "10.0.0.256", -EINVAL }, { "10.0.0.2 ", -EINVAL },
		{ "10.0.0.2.3", -EINVAL }, { "[fe80::1]", -EINVAL }, { "auto6", -EINVAL },
		{ "10.0.0.2:::255.0.255.0", -EINVAL }, { "::::::dhcp6", -EINVAL },
	};
	size_t i;
	int ret;

	for (i = 0; i < PVK_ARRAY_SIZE(words_alone); i++) {
		ret = when_ip(words_alone[i].text);
		ktap_eq(ret ? ret : (int)words.how, words_alone[i].how, "ip=%s",
			words_alone[i].text);
	}
}

static void test_ip_fields(void)
{
	/* given all ten of them */
	ktap_eq(when_ip("10.1.2.3:10.1.0.1:10.1.0.2:255.255.0.0:box.lab.test:eth1:off:"
			"10.1.0.3:10.1.0.4:10.1.0.5"), 0, "ten fields are all of them");
	ktap_str(text_of(words.client), "10.1.2.3", "the first is our address");
	ktap_str(text_of(words.server), "10.1.0.1", "then the server");
	ktap_str(text_of(words.gateway), "10.1.0.2", "the gateway");
	ktap_str(text_of(words.netmask), "255.255.0.0", "the netmask");
	ktap_eq(net_mask_bits(words.netmask), 16, "which is 16 bits");
	ktap_str(words.hostname, "box", "the name up to its first dot");
	ktap_str(words.domain, "lab.test", "and what is behind that");
	ktap_str(words.device, "eth1", "the device");
	ktap_str(text_of(words.dns[0]), "10.1.0.3", "a name server");
	ktap_str(text_of(words.dns[1]), "10.1.0.4", "another one");
	ktap_str(text_of(words.ntp), "10.1.0.5", "and a time server");

	/* when there is no netmask, the address says it */
	when_ip("10.1.2.3");
	ktap_str(text_of(words.netmask), "255.0.0.0", "no netmask, class A");
	when_ip("172.16.2.3");
	ktap_str(text_of(words.netmask), "255.255.0.0", "no netmask, class B");
	when_ip("192.168.2.3");
	ktap_str(text_of(words.netmask), "255.255.255.0", "no netmask, class C");

	/* what can't be says why */
	when_ip("both");
	ktap_str(err.text, "ip=: both is not offered, but dhcp is", "what is not offered is named");
	when_ip("10.0.0.2::gw");
	ktap_str(err.text, "ip=: \"gw\" is no IPv4 address, which the gateway wants",
		 "so is what is none");
	ktap_eq(when_ip(":::::a-name-of-16-char"), -EINVAL, "no device has so long a name");
}

static void test_ip_client_id(void)
{
	ktap_eq(when_ip("dhcp,1,box"), 0, "DHCP, and who we say that we are");
	ktap_check(words.id_len == 4 && !memcmp(words.id, "\1box", 4), "type and value");
	ktap_eq(when_ip("dhcp,256,box"), -EINVAL, "a type is a byte");
	ktap_eq(when_ip("dhcp,1,"), -EINVAL, "a value is not empty");
	ktap_eq(when_ip("dhcp,box"), -EINVAL, "and not the type");
}

/* ---- nfsroot= ---- */

static struct nfs_words nfs;

static int when_nfsroot(const char *text)
{
	nfs = (struct nfs_words){ .dir = "/before", .options = "hard" };
	err.text[0] = '\0';
	return nfs_words_parse(&nfs, text, "box", &err);
}

static const char *nfs_text(void)
{
	static char text[1024];

	snprintf(text, sizeof(text), "%s %s %s", text_of(nfs.server), nfs.dir, nfs.options);
	return text;
}

static void test_nfsroot(void)
{
	static const struct {
		const char *text, *want;	/* NULL: refused */
	} roots[] = {
		{ "10.0.0.1:/srv/a", "10.0.0.1 /srv/a hard" },
		{ "/srv/a", "0.0.0.0 /srv/a hard" },
		{ "/srv/a,v3,rsize=4096", "0.0.0.0 /srv/a v3,rsize=4096" },
		{ "10.0.0.1:,v3", "10.0.0.1 /before v3" },
		{ ",v3", "0.0.0.0 /before v3" },
		{ "", "0.0.0.0 /before hard" },
		{ "10.0.0.1:/nodes/%s/root", "10.0.0.1 /nodes/box/root hard" },
		{ "/%s-%s%", "0.0.0.0 /box-box% hard" },
		{ "/a:b,c=/d:e", "0.0.0.0 /a:b c=/d:e" },
		{ "10.0.0.1:/a:b", "10.0.0.1 /a:b hard" },
		{ "10.0.0.1:a", "10.0.0.1 a hard" },
		{ "srv:/a", NULL }, { "[fe80::1]:/a", NULL }, { ":/a", NULL },
		{ "nfs:10.0.0.1:/a", NULL },
	};
	size_t i;
	int ret;

	for (i = 0; i < PVK_ARRAY_SIZE(roots); i++) {
		ret = when_nfsroot(roots[i].text);
		ktap_str(ret ? "refused" : nfs_text(), roots[i].want ? roots[i].want : "refused",
			 "nfsroot=%s", roots[i].text);
	}
	when_nfsroot("[fe80::1]:/a");
	ktap_str(err.text, "nfsroot=[fe80::1]:/a: IPv6 is not offered", "which is said");
}

static const char *root_of(const char *nfsroot, const char *root_path, const char *server)
{
	uint32_t address = 0;

	net_address_parse(server, &address);
	err.text[0] = '\0';
	return nfs_words_root(&nfs, nfsroot, root_path, address, "box", &err) ? err.text :
	       nfs_text();
}

static void test_nfs_root(void)
{
	ktap_str(root_of("", "/srv/d", "10.0.0.1"), "10.0.0.1 /srv/d ", "all of it by DHCP");
	ktap_str(root_of("", "10.0.0.9:/srv/d,v3", "10.0.0.1"), "10.0.0.9 /srv/d v3",
		 "which may name another server");
	ktap_str(root_of(",v4", "10.0.0.9:/srv/d,v3", "10.0.0.1"), "10.0.0.9 /srv/d v4",
		 "options that are said take its options' place");
	ktap_str(root_of("/srv/n", "10.0.0.9:/srv/d,v3", "10.0.0.1"), "10.0.0.9 /srv/n v3",
		 "what is left open is DHCP's");
	ktap_str(root_of("10.0.0.5:/srv/n", "", "10.0.0.1"), "10.0.0.5 /srv/n ",
		 "the server that is said counts");
	ktap_str(root_of("0.0.0.0:/srv/n", "", "10.0.0.1"), "10.0.0.1 /srv/n ",
		 "0.0.0.0 is none");
	ktap_str(root_of("", "", "10.0.0.1"), "10.0.0.1 /tftpboot/box ",
		 "nothing at all: the kernel's directory");
	ktap_str(root_of("/srv/n", "", ""), "neither nfsroot= nor ip= nor DHCP names a server",
		 "a server there must be");
	ktap_str(root_of("10.0.0.5:/srv/n", "iscsi:10.0.0.9::::iqn", "10.0.0.1"),
		 "10.0.0.5 /srv/n ", "another's root path does not matter");
	ktap_str(root_of("10.0.0.5:", "iscsi:10.0.0.9::::iqn", "10.0.0.1"),
		 "nfsroot=iscsi:10.0.0.9::::iqn: the server is an IPv4 address: no name is looked up",
		 "unless there is no other");
}

static const char *data_for(const char *options, const char *version)
{
	static struct pvk_buf data = PVK_BUF_INIT(1024);

	pvk_buf_reset(&data);
	net_address_parse("10.0.0.1", &nfs.server);
	strcpy(nfs.options, options);
	nfs_mount_data(&data, &nfs, version);
	return pvk_buf_str(&data);
}

static void test_nfs_options(void)
{
	ktap_str(nfs_versions("rsize=8192")[0], "4.2", "the newest version is tried first");
	ktap_str(nfs_versions("")[3], "3", "and the oldest last");
	ktap_str(nfs_versions("rw,nfsvers=4")[0], "", "what is said is tried alone");
	ktap_str(nfs_versions("v4.1")[0], "", "in short, too");
	ktap_str(nfs_versions("noversatile,nfsversx=3")[0], "4.2",
		 "but no word that looks like it");
	ktap_str(data_for("", "4.2"), "addr=10.0.0.1,vers=4.2,proto=tcp", "for version 4");
	ktap_str(data_for("rsize=8192", "3"),
		 "addr=10.0.0.1,vers=3,proto=tcp,nolock,mountproto=tcp,rsize=8192",
		 "for version 3");
	ktap_str(data_for("vers=3,udp,lock", ""),
		 "addr=10.0.0.1,vers=3,udp,lock", "what is said counts");
	ktap_str(data_for("v3,proto=udp", ""),
		 "addr=10.0.0.1,nolock,mountproto=tcp,v3,proto=udp", "however it is said");
}

/* ---- DHCP ---- */

static const struct net_words nobody;
static struct dhcp_asker asker = {
	.xid = 0x12345678, .mac = { 0x52, 0x54, 0, 1, 2, 3 }, .words = &nobody,
};
static uint8_t packet[DHCP_ANSWER_MAX];
static size_t len;
static struct dhcp_answer answer;

/* given an answer of a server, with these options */
static void given_answer(const char *options, size_t options_len)
{
	static const uint8_t yiaddr[] = { 10, 0, 0, 7 }, siaddr[] = { 10, 0, 0, 1 };

	/* which is laid out as the question is */
	len = dhcp_write(packet, &asker, 0, NULL);
	packet[0] = 2;
	memcpy(packet + 16, yiaddr, 4);
	memcpy(packet + 20, siaddr, 4);
	memset(packet + 240, 0, sizeof(packet) - 240);
	memcpy(packet + 240, options, options_len);
	len = 240 + options_len;
}

#define GIVEN(options)	given_answer(options, sizeof(options) - 1)
#define OFFER		"\x35\1\2\x36\4\x0a\0\0\1"

static int when_read(void)
{
	return dhcp_read(&answer, &asker, packet, len);
}

static void test_question(void)
{
	struct dhcp_answer offer = { .address = htonl(0x0a000007), .server = htonl(0x0a000001) };
	uint8_t out[DHCP_PACKET_MAX];
	size_t n = dhcp_write(out, &asker, 3, NULL);

	ktap_eq(n, 300, "as long as the shortest that every relay lets through");
	ktap_check(out[0] == 1 && out[9] == 3 && out[10] == 0x80 &&
		   !memcmp(out + 4, &asker.xid, 4) && !memcmp(out + 28, asker.mac, 6),
		   "a question, which is to be answered to all");
	ktap_check(!memcmp(out + 240, "\x35\1\1", 3), "who is there");
	dhcp_write(out, &asker, 3, &offer);
	ktap_check(!memcmp(out + 240, "\x35\1\3\x32\4\x0a\0\0\7\x36\4\x0a\0\0\1", 15),
		   "that one, of that server");
	ktap_eq(dhcp_read(&answer, &asker, out, n), -EBADMSG, "a question is no answer");
}

static void test_longest_question(void)
{
	struct dhcp_answer offer = { .address = 1, .server = 1 };
	struct net_words who = { .id_len = NET_ID_SIZE };
	struct dhcp_asker longest = { .words = &who };
	uint8_t out[DHCP_PACKET_MAX];

	memset(who.hostname, 'h', sizeof(who.hostname) - 1);
	ktap_check(dhcp_write(out, &longest, 1, &offer) <= sizeof(out), "the longest one fits");
}

static void test_answer(void)
{
	GIVEN(OFFER "\1\4\xff\xff\xff\0\3\4\x0a\0\0\2\6\x0c\x0a\0\0\3\x0a\0\0\4\x0a\0\0\5\x0c\3box"
	      "\x0f\x08lab.test\x11\x0f/srv/box,vers=3\x1a\2\5\x78\x2a\4\x0a\0\0\6\x33\4\0\0\2\x58\xff");
	ktap_eq(when_read(), 0, "an offer");
	ktap_eq(answer.type, DHCP_OFFER, "is one");
	ktap_str(text_of(answer.address), "10.0.0.7", "of an address");
	ktap_str(text_of(answer.next_server), "10.0.0.1", "by a server to boot from");
	ktap_str(text_of(answer.server), "10.0.0.1", "by one that answers");
	ktap_str(text_of(answer.netmask), "255.255.255.0", "with a netmask");
	ktap_str(text_of(answer.gateway), "10.0.0.2", "a gateway");
	ktap_str(text_of(answer.dns[0]), "10.0.0.3", "a name server");
	ktap_str(text_of(answer.dns[1]), "10.0.0.4", "two of them, and no third");
	ktap_str(text_of(answer.ntp), "10.0.0.6", "a time server");
	ktap_str(answer.hostname, "box", "a name");
	ktap_str(answer.domain, "lab.test", "a domain");
	ktap_eq(answer.mtu, 1400, "an MTU");
	ktap_eq(answer.lease, 600, "for a while");
}

static void test_strangers(void)
{
	GIVEN(OFFER "\xff");
	packet[4] ^= 1;
	ktap_eq(when_read(), -EBADMSG, "an answer to another question");
	packet[4] ^= 1;
	packet[33] ^= 1;
	ktap_eq(when_read(), -EBADMSG, "an answer to another machine");
	packet[33] ^= 1;
	packet[239] ^= 1;
	ktap_eq(when_read(), -EBADMSG, "BOOTP");
	packet[239] ^= 1;
	memset(packet + 16, 0xff, 4);
	ktap_eq(when_read(), -EBADMSG, "an address that nobody can have");
	GIVEN("\x35\1\2\xff");
	ktap_eq(when_read(), -EBADMSG, "a server without a name");
	GIVEN("\x35\1\6\xff");
	ktap_eq(when_read(), 0, "a refusal needs none");
	len = 239;
	ktap_eq(when_read(), -EBADMSG, "half an answer");
}

static void test_hostile(void)
{
	GIVEN(OFFER "\x0c\6box\0\0\0\x11\3/a\0\xff");
	when_read();
	ktap_str(answer.hostname, "box", "a NUL that is sent along is none of the name");
	GIVEN(OFFER "\x0c\4a'b;\x0f\3a b\x11\4/a\nb\xff");
	when_read();
	ktap_str(answer.hostname, "", "what is no name is not taken");
	ktap_str(answer.domain, "", "and no domain");
	ktap_str(answer.root_path, "", "nor a path of two lines");
	GIVEN(OFFER "\x0c\3box\x11\x20/cut");
	when_read();
	ktap_str(answer.root_path, "", "what is cut off is none");
	ktap_str(answer.hostname, "box", "but what was before it is");
	GIVEN(OFFER "\1\4\xff\0\xff\0\x1a\2\0\x44\1\2\xff\xff\xff");
	when_read();
	ktap_str(text_of(answer.netmask), "255.0.0.0", "a netmask with holes is none");
	ktap_eq(answer.mtu, 0, "an MTU of 68 is none");
	GIVEN(OFFER "\x34\1\1\xff");
	strcpy((char *)packet + 108, "\x11\6/other\xff");
	when_read();
	ktap_str(answer.root_path, "/other", "where there was no room, the file's name has some");
	ktap_str(answer.file, "", "and is none then");
}

/* ---- addresses, in a network of our own ---- */

static uint32_t address_of(const char *text)
{
	uint32_t address = 0;

	net_address_parse(text, &address);
	return address;
}

static bool is_up(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(request.ifr_name, name);
	ioctl(fd, SIOCGIFFLAGS, &request);
	close(fd);
	return request.ifr_flags & IFF_UP;
}

static void test_gateway_that_is_none(void)
{
	struct net_link_setup setup = {
		.address = address_of("10.1.1.2"), .netmask = address_of("255.255.255.0"),
		.gateway = address_of("224.0.0.1"),
	};
	struct net_link links[NET_LINKS_MAX];
	char name[IFNAMSIZ] = "";
	uint32_t address = 0;

	if (unshare(CLONE_NEWNET)) {
		ktap_skip("this needs to be root", "a network of our own");
		return;
	}
	if (system("ip link add dummy7 type bridge"))
		ktap_skip("no interface can be made here", "what is no candidate stays down");
	else
		ktap_eq(net_links(links, "") + is_up("dummy7"), 0,
			"what is no candidate stays down");
	ktap_eq(net_links(links, "lo"), 1, "an interface comes up");
	ktap_eq(net_link_set("lo", &setup, &err), 0, "a gateway that can be none is no error");
	ktap_check(net_link_addressed(name, &address), "an address is there");
	ktap_str(text_of(address), "10.1.1.2", "which is ours");
}

int main(void)
{
	ktap_plan(0);
	test_ip_words();
	test_ip_fields();
	test_ip_client_id();
	test_nfsroot();
	test_nfs_root();
	test_nfs_options();
	test_question();
	test_longest_question();
	test_answer();
	test_strangers();
	test_hostile();
	test_gateway_that_is_none();
	return ktap_finish();
}
