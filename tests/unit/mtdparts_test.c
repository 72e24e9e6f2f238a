// SPDX-License-Identifier: MIT
/*
 * mtdparts=: the partitions of a device, as the kernel would number, name and place
 * them, and what it takes for an error.
 */
#include <errno.h>
#include <inttypes.h>

#include "kernel_mtdparts.h"
#include "ktap.h"
#include "mtdparts.h"

#define MIB	(1ull << 20)

static struct pvk_mtdparts parts;

static const struct {
	const char *what;
	const char *text;
	const char *id;
	uint64_t size;		/* of the device */
	const char *table;	/* OFFSET+SIZE NAME FLAGS, hex */
	const char *warning;
} tables[] = {
	{ "one partition", "nor:1m(boot)", "nor", 16 * MIB, "0+100000 boot\n", NULL },
	{ "one after the other, and the rest", "nor:0x10000(ipl),64k(env)ro,-(root)", "nor",
	  MIB, "0+10000 ipl\n10000+10000 env ro\n20000+e0000 root\n", NULL },
	{ "octal, and every suffix", "m:010(o),1K(k),1G(g),1t(t)", "m", 1ull << 41,
	  "0+8 o\n8+400 k\n408+40000000 g\n40000408+10000000000 t\n", NULL },
	{ "at an offset, and on from there", "m:1m@4m(a),1m(b)", "m", 16 * MIB,
	  "400000+100000 a\n500000+100000 b\n", NULL },
	{ "overlap and disorder", "m:2m@2m(b),2m@1m(a)", "m", 16 * MIB,
	  "200000+200000 b\n100000+200000 a\n", NULL },
	{ "without a name", "m:1m,1m(),1m", "m", 16 * MIB,
	  "0+100000 Partition_000\n100000+100000 \n200000+100000 Partition_002\n", NULL },
	{ "flags", "m:1m(a)rolkslc,1m(b)lk,1m(c)slc", "m", 16 * MIB,
	  "0+100000 a ro lk slc\n100000+100000 b lk\n200000+100000 c slc\n", NULL },
	{ "cut at the end", "m:1m(a),9m(b)", "m", 4 * MIB, "0+100000 a\n100000+300000 b\n",
	  "mtdparts: partition b is cut at the device's end at 0x400000" },
	{ "left out at the end", "m:4m(a),1m(b),1m@0(c)", "m", 4 * MIB,
	  "0+400000 a\n0+100000 c\n",
	  "mtdparts: partition b is left out, it begins at the device's end at 0x400000" },
	{ "the kernel's name of one behind one left out", "m:4m(a),1m,1m@0", "m", 4 * MIB,
	  "0+400000 a\n0+100000 Partition_002\n",
	  "mtdparts: partition Partition_001 is left out, it begins at the device's end "
	  "at 0x400000" },
	{ "outside: a number, and nothing in it", "m:1m@8m(a),1m@1m(b)", "m", 4 * MIB,
	  "0+0 a outside\n100000+100000 b\n",
	  "mtdparts: partition a begins beyond the device's end at 0x400000" },
	{ "the second device", "nor:1m(a);nand:2m(b)", "nand", 4 * MIB, "0+200000 b\n", NULL },
	{ "any device", "nor:1m(a);nand:2m(b)", NULL, 4 * MIB, "0+200000 b\n", NULL },
	{ "a device that is not there", "nor:1m(a)", "nand", 4 * MIB, "", NULL },
	{ "no device is the beginning of another", "nor2:1m(a)", "nor", 4 * MIB, "", NULL },
	{ "the last description of a device counts", "m:1m(a);m:2m(b)", "m", 4 * MIB,
	  "0+200000 b\n", NULL },
	{ "a ':' in the device's name", "spi0.0:x:1m(a)", "spi0.0:x", 4 * MIB, "0+100000 a\n",
	  NULL },
	{ "a ':' in a partition's name", "m:1m(a:b)", "m", 4 * MIB, "0+100000 a:b\n", NULL },
	{ "a ';' and a ',' in a partition's name", "m:1m(a;b,c),1m(d)", "m", 4 * MIB,
	  "0+100000 a;b,c\n100000+100000 d\n", NULL },
	{ "what looks like a key in a name", "m:1m(pvkit.mode=x root=y)", "m", 4 * MIB,
	  "0+100000 pvkit.mode=x root=y\n", NULL },
	{ "a size that wraps", "m:0x10000000000000001(a)", "m", 4 * MIB, "0+1 a\n", NULL },
	{ "a size that is the rest's", "m:0xffffffffffffffff(a)", "m", 4 * MIB,
	  "0+400000 a\n", NULL },
	{ "a device of no size", "m:1m(a)", "m", 0, "",
	  "mtdparts: partition a is left out, it begins at the device's end at 0x0" },
};

static void print_table(const struct pvk_mtdpart *table, size_t n, struct pvk_buf *buf)
{
	static const char *const flags[] = { " ro", " lk", " slc", "", " outside" };
	char name[PVK_MTDPART_NAME_SIZE];
	size_t i, f;

	for (i = 0; i < n; i++) {
		pvk_buf_printf(buf, "%" PRIx64 "+%" PRIx64 " %s", table[i].offset, table[i].size,
			       pvk_mtdpart_name(&parts, &table[i], name));
		for (f = 0; f < PVK_ARRAY_SIZE(flags); f++)
			pvk_buf_puts(buf, table[i].flags & (1u << f) ? flags[f] : "");
		pvk_buf_putc(buf, '\n');
	}
}

static void test_tables(void)
{
	struct pvk_mtdpart table[8];
	struct pvk_err err;
	size_t i, n;

	for (i = 0; i < PVK_ARRAY_SIZE(tables); i++) {
		pvk_auto_list struct pvk_list warnings = { 0 };
		struct pvk_buf buf = PVK_BUF_INIT(4096);

		ktap_eq(pvk_mtdparts_parse(&parts, tables[i].text, &err), 0, "%s: parsed",
			tables[i].what);
		n = pvk_mtdparts_table(&parts, tables[i].id, tables[i].size, table,
				       PVK_ARRAY_SIZE(table), &warnings);
		print_table(table, n, &buf);
		ktap_str(pvk_buf_str(&buf), tables[i].table, "%s", tables[i].what);
		ktap_str(warnings.count ? warnings.item[0] : NULL, tables[i].warning,
			 "%s: the warning", tables[i].what);
		pvk_buf_free(&buf);
	}
}

/* The same texts through the kernel's way of doing it, for four sizes. */
static void test_as_the_kernel(void)
{
	static const uint64_t sizes[] = { 0, 4 * MIB, 16 * MIB, 1ull << 41 };
	struct pvk_mtdpart table[8];
	struct kernel_parts *list;
	size_t i, s, k;
	bool ok;

	for (i = 0; i < PVK_ARRAY_SIZE(tables); i++) {
		for (s = 0; s < PVK_ARRAY_SIZE(sizes); s++) {
			bool parsed = !pvk_mtdparts_parse(&parts, tables[i].text, NULL);
			size_t n;

			list = kernel_mtdparts(tables[i].text, &ok);
			if (!list || !kernel_lay_out(list, sizes[s])) {
				ktap_check(ok == parsed, "%s: an error or none",
					   tables[i].what);
				kernel_mtdparts_free(list);
				continue;
			}
			n = pvk_mtdparts_table(&parts, list->id, sizes[s], table,
					       PVK_ARRAY_SIZE(table), NULL);
			for (k = 0; k < n && k < list->count; k++)
				if (table[k].offset != list->part[k].offset ||
				    table[k].size != list->part[k].size)
					break;
			ktap_check(ok == parsed && k == n && n == list->count,
				   "%s: as the kernel has it, on %" PRIu64 " bytes",
				   tables[i].what, sizes[s]);
			kernel_mtdparts_free(list);
		}
	}
}

static const struct {
	const char *text;
	const char *error;
	size_t devices;		/* that stay */
} errors[] = {
	{ "", "mtdparts, byte 0: no name of a device with a ':' behind it", 0 },
	{ "1m(a)", "mtdparts, byte 0: no name of a device with a ':' behind it", 0 },
	{ "m:", "mtdparts, byte 2: a partition of size 0", 0 },
	{ "m:0(a)", "mtdparts, byte 2: a partition of size 0", 0 },
	{ "m:08(a)", "mtdparts, byte 2: a partition of size 0", 0 },
	{ "m:0x(a)", "mtdparts, byte 2: a partition of size 0", 0 },
	{ "m:16e(a)", "mtdparts, byte 2: a partition of size 0", 0 },
	{ "m:1m(a", "mtdparts, byte 4: a name without its closing bracket", 0 },
	{ "m:-(a),1m(b)", "mtdparts, byte 6: a partition after the one that takes the rest", 0 },
	{ "m:1m(a)slcro", "mtdparts, byte 10: what is no part of a partition", 1 },
	{ "m:1m(a) ", "mtdparts, byte 7: what is no part of a partition", 1 },
	{ "m:1m(a),", "mtdparts, byte 8: a partition of size 0", 0 },
	{ "m:1m(a);", "mtdparts, byte 8: no name of a device with a ':' behind it", 1 },
	{ "a:1m(a);b:0", "mtdparts, byte 10: a partition of size 0", 1 },
	{ "a:1m;b:1m,0", "mtdparts, byte 10: a partition of size 0", 1 },
};

static void test_errors(void)
{
	struct pvk_err err;
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(errors); i++) {
		ktap_eq(pvk_mtdparts_parse(&parts, errors[i].text, &err), -EINVAL,
			"\"%s\": refused", errors[i].text);
		ktap_str(err.text, errors[i].error, "\"%s\": why", errors[i].text);
		ktap_eq(parts.devices, errors[i].devices, "\"%s\": what stands before it",
			errors[i].text);
	}
}

/* As much as a command line can hold, of the shortest there is. */
static void test_bounds(void)
{
	static char text[PVK_CMDLINE_MAX + 2];
	struct pvk_err err;
	size_t i;

	for (i = 0; i < PVK_CMDLINE_MAX; i++)
		text[i] = ":1;"[i % 3];
	ktap_eq(pvk_mtdparts_parse(&parts, text, &err), -EINVAL, "devices: the last is cut");
	ktap_eq(parts.devices, PVK_MTDPARTS_DEVICES, "devices: as many as can be");
	for (i = 0; i < PVK_CMDLINE_MAX; i++)
		text[i] = ":1,1"[i % 2 ? 1 : !!i * 2];
	ktap_eq(pvk_mtdparts_parse(&parts, text, &err), 0, "partitions: %d bytes of them",
		PVK_CMDLINE_MAX);
	ktap_eq(parts.parts, PVK_MTDPARTS_MAX, "partitions: as many as can be");
	ktap_eq(pvk_mtdparts_table(&parts, "", MIB, NULL, 0, NULL), PVK_MTDPARTS_MAX,
		"partitions: how many there are, told to who has no room");
	text[PVK_CMDLINE_MAX] = '1';
	ktap_eq(pvk_mtdparts_parse(&parts, text, &err), -E2BIG, "one byte more");
	ktap_eq(parts.devices, 0, "one byte more: nothing is taken for granted");
}

int main(void)
{
	ktap_plan(0);
	test_tables();
	test_as_the_kernel();
	test_errors();
	test_bounds();
	return ktap_finish();
}
