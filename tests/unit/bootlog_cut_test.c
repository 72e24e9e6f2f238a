// SPDX-License-Identifier: MIT
/*
 * Power is cut at every byte of every program and erase of updates of the log format:
 * the reader gets the old flags or the new, never others and never none.
 *
 * With sanitizers, for the first 60 updates; bootlog_matrix_test.sh goes on to 1,000
 * without, which would take two minutes here.
 */
#include "ktap.h"
#include "bootlog_geometries.h"

int main(void)
{
	ktap_plan(N_GEOMETRIES);
	matrix_run_all(60);
	return ktap_finish();
}
