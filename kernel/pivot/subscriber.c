// SPDX-License-Identifier: GPL-2.0-only
/* This module's own copy; see there why. */
#include "../subscriber.c"
