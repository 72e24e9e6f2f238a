/* SPDX-License-Identifier: MIT */
/*
 * ELF files that no linker made, of any processor: as much of one as a dynamic linker
 * looks at before it loads what the file needs.
 */
#ifndef PVKIT_TESTS_FAKE_ELF_H
#define PVKIT_TESTS_FAKE_ELF_H

#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fake_elf {
	bool is32, big;
	uint16_t machine;		/* 0: EM_X86_64 */
	uint32_t flags;
	const char *interp, *soname, *rpath, *runpath;
	const char *needed[8];
	bool nodeflib;
};

/* Where it is loaded, so that nobody takes an address for a place in the file. */
#define FAKE_ELF_ADDRESS	0x10000

struct fake_elf_image {
	const struct fake_elf *elf;
	unsigned char data[4096];
	size_t dynamic, strings, strings_len;
	size_t n_dynamic;
};

static inline void fake_elf_put(struct fake_elf_image *image, size_t at, uint64_t n, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		image->data[at + (image->elf->big ? size - 1 - i : i)] =
			(unsigned char)(n >> (8 * i));
}

#define FAKE_ELF_FIELD(image, at, type, name, n) \
	((image)->elf->is32 ? \
	 fake_elf_put(image, (at) + offsetof(Elf32_##type, name), n, \
		      sizeof(((Elf32_##type *)0)->name)) : \
	 fake_elf_put(image, (at) + offsetof(Elf64_##type, name), n, \
		      sizeof(((Elf64_##type *)0)->name)))
#define FAKE_ELF_SIZE(image, type) \
	((image)->elf->is32 ? sizeof(Elf32_##type) : sizeof(Elf64_##type))

static inline void fake_elf_dyn(struct fake_elf_image *image, uint64_t tag, uint64_t value)
{
	size_t at = image->dynamic + image->n_dynamic++ * FAKE_ELF_SIZE(image, Dyn);

	FAKE_ELF_FIELD(image, at, Dyn, d_tag, tag);
	FAKE_ELF_FIELD(image, at, Dyn, d_un, value);
}

static inline void fake_elf_name(struct fake_elf_image *image, uint64_t tag, const char *name)
{
	if (!name)
		return;
	memcpy(image->data + image->strings + image->strings_len, name, strlen(name) + 1);
	fake_elf_dyn(image, tag, image->strings_len);
	image->strings_len += strlen(name) + 1;
}

static inline void fake_elf_header(struct fake_elf_image *image, size_t i, uint32_t type,
				   uint64_t offset, uint64_t size)
{
	size_t at = FAKE_ELF_SIZE(image, Ehdr) + i * FAKE_ELF_SIZE(image, Phdr);

	FAKE_ELF_FIELD(image, at, Phdr, p_type, type);
	FAKE_ELF_FIELD(image, at, Phdr, p_offset, offset);
	FAKE_ELF_FIELD(image, at, Phdr, p_vaddr, FAKE_ELF_ADDRESS + offset);
	FAKE_ELF_FIELD(image, at, Phdr, p_filesz, size);
	FAKE_ELF_FIELD(image, at, Phdr, p_memsz, size);
}

static inline void fake_elf_begin(struct fake_elf_image *image, const struct fake_elf *elf)
{
	*image = (struct fake_elf_image){ .elf = elf, .dynamic = 0x400, .strings = 0x800,
					  .strings_len = 1 };
	memcpy(image->data, ELFMAG, SELFMAG);
	image->data[EI_CLASS] = elf->is32 ? ELFCLASS32 : ELFCLASS64;
	image->data[EI_DATA] = elf->big ? ELFDATA2MSB : ELFDATA2LSB;
	image->data[EI_VERSION] = EV_CURRENT;
	FAKE_ELF_FIELD(image, 0, Ehdr, e_type, ET_DYN);
	FAKE_ELF_FIELD(image, 0, Ehdr, e_machine, elf->machine ? elf->machine : EM_X86_64);
	FAKE_ELF_FIELD(image, 0, Ehdr, e_version, EV_CURRENT);
	FAKE_ELF_FIELD(image, 0, Ehdr, e_flags, elf->flags);
	FAKE_ELF_FIELD(image, 0, Ehdr, e_ehsize, FAKE_ELF_SIZE(image, Ehdr));
	FAKE_ELF_FIELD(image, 0, Ehdr, e_phoff, FAKE_ELF_SIZE(image, Ehdr));
	FAKE_ELF_FIELD(image, 0, Ehdr, e_phentsize, FAKE_ELF_SIZE(image, Phdr));
	FAKE_ELF_FIELD(image, 0, Ehdr, e_phnum, elf->interp ? 3 : 2);
}

static inline void fake_elf_make(struct fake_elf_image *image, const struct fake_elf *elf)
{
	size_t i;

	fake_elf_begin(image, elf);
	for (i = 0; i < 8; i++)
		fake_elf_name(image, DT_NEEDED, elf->needed[i]);
	fake_elf_name(image, DT_SONAME, elf->soname);
	fake_elf_name(image, DT_RPATH, elf->rpath);
	fake_elf_name(image, DT_RUNPATH, elf->runpath);
	if (elf->nodeflib)
		fake_elf_dyn(image, DT_FLAGS_1, DF_1_NODEFLIB);
	fake_elf_dyn(image, DT_STRTAB, FAKE_ELF_ADDRESS + image->strings);
	fake_elf_dyn(image, DT_STRSZ, image->strings_len);
	fake_elf_dyn(image, DT_NULL, 0);
	fake_elf_header(image, 0, PT_LOAD, 0, sizeof(image->data));
	fake_elf_header(image, 1, PT_DYNAMIC, image->dynamic,
			image->n_dynamic * FAKE_ELF_SIZE(image, Dyn));
	if (elf->interp) {
		memcpy(image->data + 0x300, elf->interp, strlen(elf->interp) + 1);
		fake_elf_header(image, 2, PT_INTERP, 0x300, strlen(elf->interp) + 1);
	}
}

/* Executable; what was there is gone. */
static inline void fake_elf_write(const char *path, const struct fake_elf *elf)
{
	struct fake_elf_image image;
	int fd;

	fake_elf_make(&image, elf);
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	if (fd < 0 || write(fd, image.data, sizeof(image.data)) != sizeof(image.data))
		perror(path);
	close(fd);
}

#endif /* PVKIT_TESTS_FAKE_ELF_H */
