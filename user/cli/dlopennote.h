/* SPDX-License-Identifier: MIT */
/*
 * dlopennote - which libraries a program asks dlopen() for, as an ELF note that packagers'
 * tools read, as the UAPI group specifies it
 *
 * DLOPEN_NOTE(JSON) once in the file that opens them.
 */
#ifndef PVKIT_DLOPENNOTE_H
#define PVKIT_DLOPENNOTE_H

#include <stdint.h>

#define DLOPEN_NOTE_OWNER	"FDO"
#define DLOPEN_NOTE_TYPE	0x407c0c0a

#define DLOPEN_NOTE(json)						\
	static const struct {						\
		uint32_t owner_size, text_size, type;			\
		char owner[sizeof(DLOPEN_NOTE_OWNER)];			\
		char text[(sizeof(json) + 3) / 4 * 4];			\
	} note __attribute__((used, aligned(4), section(".note.dlopen"))) = {	\
		.owner_size = sizeof(DLOPEN_NOTE_OWNER),		\
		.text_size = sizeof(json),				\
		.type = DLOPEN_NOTE_TYPE,				\
		.owner = DLOPEN_NOTE_OWNER,				\
		.text = json,						\
	}

#endif /* PVKIT_DLOPENNOTE_H */
