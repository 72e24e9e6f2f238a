// SPDX-License-Identifier: MIT
/*
 * A root on NBD: the words of nbdroot=, and the talk with the server, byte by byte. That
 * real servers talk like that is init_nbd_test.sh.
 */
#include <errno.h>

#include "ktap.h"
#include "nbd_words.h"

static struct nbd_words words;
static struct pvk_err err;

static const char *show(int ret)
{
	static char line[512];

	if (ret)
		snprintf(line, sizeof(line), "%s", err.text);
	else
		snprintf(line, sizeof(line), "%s:%u \"%s\" nbd%d timeout=%u bs=%u%s%s",
			 words.server, words.port, words.export, words.device, words.timeout,
			 words.block_size, words.go ? "" : " no_optgo",
			 words.all_by_dhcp ? " by dhcp" : "");
	return line;
}

static const char *shown(const char *text)
{
	return show(nbd_words_parse(&words, text, &err));
}

static void test_words(void)
{
	static const struct { const char *text, *shown; } cases[] = {
		/* given what nbd-client's documentation has, when it is read */
		{ "192.168.1.1,export,nbd0", "192.168.1.1:10809 \"export\" nbd0 timeout=0 bs=0" },
		{ "192.168.1.1,export", "192.168.1.1:10809 \"export\" nbd-1 timeout=0 bs=0" },
		{ "192.168.1.1,2000,nbd1", "192.168.1.1:2000 \"\" nbd1 timeout=0 bs=0" },
		{ "192.168.1.1", "192.168.1.1:10809 \"\" nbd-1 timeout=0 bs=0" },
		{ "dhcp", ":10809 \"\" nbd-1 timeout=0 bs=0 by dhcp" },
		{ "dhcp,export,nbd0", ":10809 \"export\" nbd0 timeout=0 bs=0" },
		{ "dhcp,2000", ":2000 \"\" nbd-1 timeout=0 bs=0" },
		{ ",export", ":10809 \"export\" nbd-1 timeout=0 bs=0" },
		{ "10.0.2.2:2000/root", "10.0.2.2:2000 \"root\" nbd-1 timeout=0 bs=0" },
		{ "10.0.2.2:/opt/ltsp", "10.0.2.2:10809 \"/opt/ltsp\" nbd-1 timeout=0 bs=0" },
		{ "10.0.2.2/root", "10.0.2.2:10809 \"root\" nbd-1 timeout=0 bs=0" },
		{ "10.0.2.2:2000", "10.0.2.2:2000 \"\" nbd-1 timeout=0 bs=0" },
		{ ":/root", ":10809 \"/root\" nbd-1 timeout=0 bs=0" },
		/* and options, as nbdtab has them */
		{ "10.0.2.2,r,nbd2,port=7,timeout=40,bs=4096,no_optgo",
		  "10.0.2.2:7 \"r\" nbd2 timeout=40 bs=4096 no_optgo" },
		{ "10.0.2.2,r,timeout=40", "10.0.2.2:10809 \"r\" nbd-1 timeout=40 bs=0" },
		{ "10.0.2.2,port=7", "10.0.2.2:7 \"\" nbd-1 timeout=0 bs=0" },
		{ "10.0.2.2:7/port=8,nbd0", "10.0.2.2:7 \"port=8\" nbd0 timeout=0 bs=0" },
		{ "10.0.2.2:7/2000,/dev/nbd0p2", "10.0.2.2:7 \"2000\" nbd0 timeout=0 bs=0" },
		{ "10.0.2.2,,nbd0,", "10.0.2.2:10809 \"\" nbd0 timeout=0 bs=0" },
		/* given what can't be, then it says what */
		{ "[fe80::1]:/root", "nbdroot: IPv6 is not offered" },
		{ "server,root", "nbdroot: server is no IPv4 address (names are not looked up)" },
		{ "10.0.2.2 ,root",
		  "nbdroot: 10.0.2.2  is no IPv4 address (names are not looked up)" },
		{ "10.0.2.2,70000", "nbdroot: 70000 is not from 1 to 65535" },
		{ "10.0.2.2:0x10/root", "nbdroot: 0x10 is not from 1 to 65535" },
		{ "10.0.2.2,r,nbd0,certfile=/a", "nbdroot: certfile: TLS is not offered" },
		{ "10.0.2.2,r,tlshostname=a", "nbdroot: tlshostname: TLS is not offered" },
		{ "10.0.2.2,r,conns=4",
		  "nbdroot: conns: one connection is all: with more of them a pause is taken "
		  "for a loss" },
		{ "10.0.2.2,r,persist",
		  "nbdroot: persist: nobody connects again: the root guard reboots" },
		{ "10.0.2.2,r,bs=1000", "nbdroot: bs=1000 is no power of two" },
		{ "10.0.2.2,r,bs=8192", "nbdroot: bs=8192 is not from 512 to 4096" },
		{ "10.0.2.2,r,timeout=", "nbdroot: timeout= is not from 0 to 3600" },
		{ "10.0.2.2,r,nbd", "nbdroot: there is no option nbd" },
		{ "10.0.2.2,r,nbd0x", "nbdroot: there is no option nbd0x" },
		{ "10.0.2.2,r,nbd99999999999", "nbdroot: there is no option nbd99999999999" },
		{ "10.0.2.2,r,Timeout=4", "nbdroot: there is no option Timeout=4" },
	};
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(cases); i++)
		ktap_str(shown(cases[i].text), cases[i].shown, "nbdroot=%s", cases[i].text);
}

static void test_dhcp(void)
{
	static const struct { const char *text, *root_path, *server, *shown; } cases[] = {
		/* given what DHCP says of a root and of a server, when nbdroot= relies on it */
		{ "dhcp", "10.0.2.2,root,nbd0", "10.0.2.9",
		  "10.0.2.2:10809 \"root\" nbd0 timeout=0 bs=0" },
		{ "", "10.0.2.2:7/root", "", "10.0.2.2:7 \"root\" nbd-1 timeout=0 bs=0" },
		{ "dhcp", "nbdroot=10.0.2.2,root", "",
		  "10.0.2.2:10809 \"root\" nbd-1 timeout=0 bs=0" },
		{ "dhcp,root,nbd0", "10.0.2.2", "10.0.2.9",
		  "10.0.2.2:10809 \"root\" nbd0 timeout=0 bs=0" },
		{ "dhcp,root", "/srv/nfs", "10.0.2.9",
		  "10.0.2.9:10809 \"root\" nbd-1 timeout=0 bs=0" },
		{ ":/root", "", "10.0.2.9", "10.0.2.9:10809 \"/root\" nbd-1 timeout=0 bs=0" },
		{ "dhcp", ":7/root", "10.0.2.9", "10.0.2.9:7 \"root\" nbd-1 timeout=0 bs=0" },
		/* and when it does not */
		{ "10.0.2.1,root", "10.0.2.2,other", "10.0.2.9",
		  "10.0.2.1:10809 \"root\" nbd-1 timeout=0 bs=0" },
		/* given that it says nothing of use, then that is said */
		{ "dhcp,root", "", "", "nbdroot: neither it nor DHCP names a server" },
		{ "", "", "", "nbdroot: neither it nor DHCP names a server" },
		{ "dhcp", "dhcp", "", "nbdroot: neither it nor DHCP names a server" },
		{ "dhcp", "/srv/nfs", "10.0.2.9",
		  "10.0.2.9:10809 \"/srv/nfs\" nbd-1 timeout=0 bs=0" },
		{ "dhcp", "box:/srv/nfs", "",
		  "nbdroot: box is no IPv4 address (names are not looked up)" },
	};
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(cases); i++)
		ktap_str(show(nbd_words_by_dhcp(&words, cases[i].text, cases[i].root_path,
						cases[i].server, &err)), cases[i].shown,
			 "nbdroot=%s, root-path \"%s\", server \"%s\"", cases[i].text,
			 cases[i].root_path, cases[i].server);
}

static void test_devices(void)
{
	ktap_eq(nbd_device_number("/dev/nbd0"), 0, "/dev/nbd0 is the first");
	ktap_eq(nbd_device_number("/dev/nbd15p2"), 15, "a partition is of its device");
	ktap_eq(nbd_device_number("/dev/nbd"), -EINVAL, "/dev/nbd is none");
	ktap_eq(nbd_device_number("/dev/nbd1p"), -EINVAL, "nor is /dev/nbd1p");
	ktap_eq(nbd_device_number("/dev/nbda"), -EINVAL, "nor /dev/nbda");
}

/* ---- the talk ---- */

#define GREETS(flags)	"NBDMAGICIHAVEOPT" flags
#define REPLY(type)	"\x00\x03\xe8\x89\x04\x55\x65\xa9\0\0\0\7" type
#define EXPORT(flags)	REPLY("\0\0\0\3") "\0\0\0\x0c" "\0\0" "\0\0\0\0\1\0\0\0" flags
#define BLOCKS(min)	REPLY("\0\0\0\3") "\0\0\0\x0e" "\0\3" min "\0\0\x10\0" "\2\0\0\0"
#define ACK		REPLY("\0\0\0\1") "\0\0\0\0"
#define ERROR(type)	REPLY("\x80\0\0" type) "\0\0\0\0"

static struct nbd_handshake hs;
static char sent[2048];

/* What we have sent, with what is no letter as \xNN. */
static void note_sent(void)
{
	size_t out = strlen(sent), i;

	for (i = 0; i < hs.len && out < sizeof(sent) - 5; i++)
		out += (size_t)snprintf(sent + out, sizeof(sent) - out,
					hs.send[i] > ' ' && hs.send[i] <= '~' ? "%c" : "\\x%x",
					hs.send[i]);
}

/* given a server that says this and then hangs up, when it is asked for "root" */
static int talk_of(const char *said, size_t len, bool go)
{
	const uint8_t *data = (const uint8_t *)said;
	int ret = nbd_handshake_begin(&hs, "root", go, &err);

	err.text[0] = '\0';
	sent[0] = '\0';
	while (!ret) {
		if (hs.want > len)
			return nbd_handshake_end(&hs, &err);
		data += hs.want;
		len -= hs.want;
		ret = nbd_handshake_take(&hs, data - hs.want, &err);
		note_sent();
	}
	return ret;
}

#define talk(said)	talk_of(said, sizeof(said) - 1, true)
#define talk_old(said)	talk_of(said, sizeof(said) - 1, false)

#define SENT_GO(flags)	"\\x0\\x0\\x0\\x" flags "IHAVEOPT\\x0\\x0\\x0\\x7" \
	"\\x0\\x0\\x0\\xc\\x0\\x0\\x0\\x4root\\x0\\x1\\x0\\x3"
#define SENT_OLD	"IHAVEOPT\\x0\\x0\\x0\\x1\\x0\\x0\\x0\\x4root"

static void test_go(void)
{
	ktap_eq(talk(GREETS("\0\3") BLOCKS("\0\0\2\0") EXPORT("\0\x2d") ACK), 1,
		"an export by NBD_OPT_GO");
	ktap_str(sent, SENT_GO("3"), "which is what was asked for");
	ktap_eq((long)hs.export.size, 0x1000000, "its size");
	ktap_eq(hs.export.flags & (NBD_IS_READ_ONLY | NBD_DOES_FLUSH | NBD_DOES_FUA |
				   NBD_DOES_TRIM),
		NBD_DOES_FLUSH | NBD_DOES_FUA | NBD_DOES_TRIM, "what it can");
	ktap_eq(hs.export.block_min, 512, "its smallest block");
	ktap_eq(hs.export.block_max, 1 << 25, "its largest one");
	ktap_eq(talk(GREETS("\0\3") EXPORT("\0\3") ACK), 1, "one that says nothing of blocks");
	ktap_eq(hs.export.block_min, 0, "has none");
	ktap_check(hs.export.flags & NBD_IS_READ_ONLY, "and can't be written");
	ktap_eq(talk(GREETS("\0\3") REPLY("\0\0\0\3") "\0\0\0\3\0\x63x" EXPORT("\0\1") ACK), 1,
		"information that nobody asked for is passed by");
}

static void test_old(void)
{
	static const char zeroes[] = GREETS("\0\1") ERROR("\1") "\0\0\0\0\0\x10\0\0\0\1" "%";
	char with_zeroes[sizeof(zeroes) - 2 + 124] = "";

	ktap_eq(talk(GREETS("\0\3") ERROR("\1") "\0\0\0\0\0\x10\0\0\0\1"), 1,
		"a server that does not know NBD_OPT_GO");
	ktap_str(sent, SENT_GO("3") SENT_OLD, "is asked by NBD_OPT_EXPORT_NAME");
	ktap_eq((long)hs.export.size, 0x100000, "which has a size, too");
	ktap_eq(talk_old(GREETS("\0\3") "\0\0\0\0\0\x10\0\0\0\1"), 1, "no_optgo");
	ktap_str(sent, "\\x0\\x0\\x0\\x3" SENT_OLD, "asks like that at once");
	ktap_eq(talk(GREETS("\0\2") "\0\0\0\0\0\x10\0\0\0\1"), 1,
		"so does a newstyle that is not fixed");
	ktap_str(sent, "\\x0\\x0\\x0\\x2" SENT_OLD, "which would hang up on another option");
	memcpy(with_zeroes, zeroes, sizeof(zeroes) - 2);
	ktap_eq(talk_of(with_zeroes, sizeof(with_zeroes), true), 1, "124 zeroes are awaited");
	ktap_eq(talk_of(with_zeroes, sizeof(with_zeroes) - 1, true), -ENOENT,
		"all of them, where they were not forgone");
	ktap_eq(talk_old(GREETS("\0\3")), -ENOENT, "an export that there is not: it hangs up");
	ktap_str(err.text, "the server hangs up: it has no such export, or not for us",
		 "and that is said");
}

static void test_refusals(void)
{
	ktap_eq(talk(GREETS("\0\3") ERROR("\6")), -ENOENT, "an export that there is not");
	ktap_str(err.text, "the server has no such export", "is named so");
	ktap_eq(talk(GREETS("\0\3") REPLY("\x80\0\0\6") "\0\0\0\4no\n\xff"), -ENOENT,
		"the server's own words");
	ktap_str(err.text, "the server has no such export (\"no??\")", "are shown, as letters");
	ktap_eq(talk(GREETS("\0\3") ERROR("\5")), -EPROTONOSUPPORT, "a server that wants TLS");
	ktap_str(err.text, "the server wants TLS, which is not offered here", "is refused by name");
	ktap_eq(talk(GREETS("\0\3") ERROR("\7")), -ESHUTDOWN, "one that is about to end");
	ktap_eq(talk(GREETS("\0\3") ERROR("\x63")), -EPROTO, "an error that is not known");
	ktap_str(err.text, "error 99 of the server", "is shown by its number");
	ktap_eq(talk(""), -ECONNRESET, "a server that hangs up at once");
}

static void test_hostile(void)
{
	char name[NBD_EXPORT_MAX + 2], many[18 + 65 * 22];
	int i;

	ktap_eq(talk("SSH-2.0-OpenSSH_9.2"), -EPROTO, "no NBD server");
	ktap_eq(talk("NBDMAGIC\x00\x00\x42\x02\x81\x86\x12\x53\0\0"), -EPROTONOSUPPORT,
		"the old style is refused by name");
	ktap_eq(talk(GREETS("\0\3") ACK), -EPROTO, "an ACK, and nothing is known");
	ktap_eq(talk(GREETS("\0\3") REPLY("\0\0\0\3") "\xff\xff\xff\xff"), -EPROTO,
		"a reply of 4 GiB");
	ktap_eq(talk(GREETS("\0\3") REPLY("\0\0\0\3") "\0\0\x10\x11"), -EPROTO,
		"one byte more than the largest");
	ktap_eq(talk(GREETS("\0\3") REPLY("\0\0\0\3") "\0\0\0\1x"), -EPROTO,
		"information of one byte");
	ktap_eq(talk(GREETS("\0\3") REPLY("\0\0\0\3") "\0\0\0\3\0\0x"), -EPROTO,
		"an export of one byte");
	ktap_eq(talk(GREETS("\0\3") "\0\3\xe8\x89\4\x55\x65\xa9\0\0\0\6\0\0\0\1\0\0\0\0"), -EPROTO,
		"a reply to what was not asked");
	ktap_eq(talk(GREETS("\0\3") REPLY("\0\0\0\3") "\0\0\0\x0c\0\0" "\0\0\0\0\0\0\0\0\0\1"),
		-ENODATA, "an export of nothing");
	ktap_eq(talk(GREETS("\0\3") REPLY("\0\0\0\3") "\0\0\0\x0c\0\0" "\xff\0\0\0\0\0\0\0\0\1"),
		-EFBIG, "an export of more than there can be");
	memcpy(many, GREETS("\0\3"), 18);
	for (i = 0; i < 65; i++)
		memcpy(many + 18 + 22 * i, REPLY("\0\0\0\3") "\0\0\0\2\0\x63", 22);
	ktap_eq(talk_of(many, sizeof(many), true), -EPROTO, "replies without end");
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	ktap_eq(nbd_handshake_begin(&hs, name, true, &err), -ENAMETOOLONG, "a name too long");
	name[sizeof(name) - 2] = '\0';
	ktap_eq(nbd_handshake_begin(&hs, name, true, &err), 0, "the longest name");
	ktap_eq(nbd_handshake_take(&hs, (const uint8_t *)GREETS("\0\3"), &err), 0,
		"can be asked for");
	ktap_eq((long)hs.len, 4 + 16 + 4 + NBD_EXPORT_MAX + 4, "with no byte lost");
}

int main(void)
{
	ktap_plan(0);
	test_words();
	test_dhcp();
	test_devices();
	test_go();
	test_old();
	test_refusals();
	test_hostile();
	return ktap_finish();
}
