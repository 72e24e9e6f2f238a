/* SPDX-License-Identifier: MIT */
/*
 * notify - the service manager's readiness protocol
 */
#ifndef PVKITD_NOTIFY_H
#define PVKITD_NOTIFY_H

/*
 * Sends `state` ("READY=1") to the datagram socket that NOTIFY_SOCKET names. 0
 * also when nobody asked for it.
 */
int notify_send(const char *state);

/*
 * How often, in ms, the service manager wants to hear WATCHDOG=1 of this process
 * at least; 0: it does not.
 */
int notify_watchdog_ms(void);

#endif /* PVKITD_NOTIFY_H */
