/* SPDX-License-Identifier: GPL-2.0-only */
/* Symbols by which the test modules depend on each other. */
#ifndef PVT_H
#define PVT_H

int pvt_base_level(void);

int pvt_c1_depth(void);
int pvt_c2_depth(void);
int pvt_c3_depth(void);
int pvt_c4_depth(void);

#endif
