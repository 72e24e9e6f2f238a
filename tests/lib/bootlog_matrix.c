// SPDX-License-Identifier: MIT
/*
 * All 1,000 updates of the matrix of power cuts; compiled by
 * tests/unit/bootlog_matrix_test.sh, once as it is and once for each rule taken out.
 */
#include "bootlog_geometries.h"

int main(int argc, char *argv[])
{
	unsigned int n = argc > 1 ? (unsigned int)atoi(argv[1]) : 1000;

	ktap_plan(N_GEOMETRIES);
	matrix_run_all(n);
	return ktap_finish();
}
