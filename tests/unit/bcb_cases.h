/* SPDX-License-Identifier: MIT */
static void test_bcb(void)
{
	sim_init(&sim, &store, &pvb_bcb_format, 8192, 4096, 1, true, 0xff);
	ktap_str(read_text(), "error=61", "bcb: an erased misc is empty");
	ktap_eq(write_flags("mode=recovery", false), 0, "bcb: set");
	ktap_str(read_text(), "mode=recovery", "bcb: reads back");
	ktap_check(!memcmp(sim.data, "boot-recovery\0\0", 15), "bcb: the bytes");
}
