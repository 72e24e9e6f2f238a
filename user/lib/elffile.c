// SPDX-License-Identifier: MIT
#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "elffile.h"

/* As much of program headers as the kernel reads. */
#define HEADERS_MAX	65536
#define DYNAMIC_MAX	65536

struct image {
	int fd;
	struct pvk_elf *elf;
	struct pvk_err *err;
	unsigned char *headers;
	size_t n_headers;
	unsigned char *dynamic;
	size_t n_dynamic;
	uint64_t strings;	/* where they begin in the file */
	uint64_t strings_size;
};

static int broken(const struct image *image, const char *what)
{
	return pvk_err_set(image->err, -EBADMSG, "broken ELF file: %s", what);
}

/* A field of a structure that both word sizes have by the same name. */
#define FIELD(image, at, type, name) \
	((image)->elf->is64 ? \
	 number(image, (at) + offsetof(Elf64_##type, name), sizeof(((Elf64_##type *)0)->name)) : \
	 number(image, (at) + offsetof(Elf32_##type, name), sizeof(((Elf32_##type *)0)->name)))
#define SIZE_OF(image, type) \
	((image)->elf->is64 ? sizeof(Elf64_##type) : sizeof(Elf32_##type))

static uint64_t number(const struct image *image, const unsigned char *at, size_t size)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < size; i++)
		n = n << 8 | at[image->elf->big ? i : size - 1 - i];
	return n;
}

/* How much of it there is, or a negative errno. */
static ssize_t read_at(int fd, uint64_t offset, void *data, size_t size)
{
	size_t len = 0;
	ssize_t n;

	if (offset > INT64_MAX - size)
		return 0;
	while (len < size) {
		n = pread(fd, (char *)data + len, size - len, (off_t)(offset + len));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

/* *data is allocated. */
static int read_table(const struct image *image, uint64_t offset, size_t size,
		      unsigned char **data, const char *what)
{
	ssize_t n;

	*data = malloc(size ? size : 1);
	if (!*data)
		return pvk_err_set(image->err, -ENOMEM, "out of memory");
	n = read_at(image->fd, offset, *data, size);
	if (n < 0)
		return pvk_err_set(image->err, (int)n, "%s", strerror((int)-n));
	return (size_t)n == size ? 0 : broken(image, what);
}

static int read_header(struct image *image)
{
	unsigned char header[sizeof(Elf64_Ehdr)] = { 0 };
	ssize_t n = read_at(image->fd, 0, header, sizeof(header));
	struct pvk_elf *elf = image->elf;
	size_t size;

	if (n < 0)
		return pvk_err_set(image->err, (int)n, "%s", strerror((int)-n));
	if (n < EI_NIDENT || memcmp(header, ELFMAG, SELFMAG) != 0)
		return pvk_err_set(image->err, -ENOEXEC, "no ELF file");
	if (header[EI_CLASS] != ELFCLASS32 && header[EI_CLASS] != ELFCLASS64)
		return broken(image, "neither of 32 nor of 64 bits");
	if (header[EI_DATA] != ELFDATA2LSB && header[EI_DATA] != ELFDATA2MSB)
		return broken(image, "no such byte order");
	elf->is64 = header[EI_CLASS] == ELFCLASS64;
	elf->big = header[EI_DATA] == ELFDATA2MSB;
	if ((size_t)n < SIZE_OF(image, Ehdr))
		return broken(image, "ends in its header");
	elf->type = (uint16_t)FIELD(image, header, Ehdr, e_type);
	elf->machine = (uint16_t)FIELD(image, header, Ehdr, e_machine);
	elf->flags = (uint32_t)FIELD(image, header, Ehdr, e_flags);
	image->n_headers = (size_t)FIELD(image, header, Ehdr, e_phnum);
	size = SIZE_OF(image, Phdr);
	if (image->n_headers && FIELD(image, header, Ehdr, e_phentsize) != size)
		return broken(image, "program headers of another size");
	if (image->n_headers > HEADERS_MAX / size)
		return broken(image, "too many program headers");
	return read_table(image, FIELD(image, header, Ehdr, e_phoff), image->n_headers * size,
			  &image->headers, "ends in its program headers");
}

static const unsigned char *header_at(const struct image *image, size_t i)
{
	return image->headers + i * SIZE_OF(image, Phdr);
}

/* The first one, which is the kernel's choice too. */
static const unsigned char *find_header(const struct image *image, uint32_t type)
{
	size_t i;

	for (i = 0; i < image->n_headers; i++)
		if (FIELD(image, header_at(image, i), Phdr, p_type) == type)
			return header_at(image, i);
	return NULL;
}

/* A text that ends within size bytes. */
static int read_text(const struct image *image, uint64_t offset, uint64_t size, char **text)
{
	char buf[PVK_ELF_TEXT_MAX];
	ssize_t n = read_at(image->fd, offset, buf, size < sizeof(buf) ? size : sizeof(buf));

	if (n < 0)
		return pvk_err_set(image->err, (int)n, "%s", strerror((int)-n));
	if (!memchr(buf, '\0', (size_t)n))
		return broken(image, "a name without an end");
	free(*text);
	*text = strdup(buf);
	return *text ? 0 : pvk_err_set(image->err, -ENOMEM, "out of memory");
}

static int read_interp(struct image *image)
{
	const unsigned char *header = find_header(image, PT_INTERP);

	if (!header)
		return 0;
	return read_text(image, FIELD(image, header, Phdr, p_offset),
			 FIELD(image, header, Phdr, p_filesz), &image->elf->interp);
}

static int read_dynamic(struct image *image)
{
	const unsigned char *header = find_header(image, PT_DYNAMIC);
	uint64_t size;

	if (!header)
		return 0;
	size = FIELD(image, header, Phdr, p_filesz);
	if (size > DYNAMIC_MAX)
		return broken(image, "its dynamic section is too large");
	image->n_dynamic = (size_t)size / SIZE_OF(image, Dyn);
	return read_table(image, FIELD(image, header, Phdr, p_offset), (size_t)size,
			  &image->dynamic, "ends in its dynamic section");
}

/* Up to DT_NULL; tag and value of entry i. */
static bool dynamic_at(const struct image *image, size_t i, uint64_t *tag, uint64_t *value)
{
	const unsigned char *at;

	if (i >= image->n_dynamic)
		return false;
	at = image->dynamic + i * SIZE_OF(image, Dyn);
	*tag = FIELD(image, at, Dyn, d_tag);
	*value = FIELD(image, at, Dyn, d_un);
	return *tag != DT_NULL;
}

/* Addresses are those in memory: where is that in the file? */
static bool find_address(const struct image *image, uint64_t address, uint64_t *offset)
{
	const unsigned char *header;
	uint64_t begin, at;
	size_t i;

	for (i = 0; i < image->n_headers; i++) {
		header = header_at(image, i);
		begin = FIELD(image, header, Phdr, p_vaddr);
		at = FIELD(image, header, Phdr, p_offset);
		if (FIELD(image, header, Phdr, p_type) != PT_LOAD || address < begin ||
		    address - begin >= FIELD(image, header, Phdr, p_filesz) ||
		    at > INT64_MAX || address - begin > INT64_MAX - at)
			continue;
		*offset = at + (address - begin);
		return true;
	}
	return false;
}

static int find_strings(struct image *image)
{
	uint64_t tag, value, address = 0;
	size_t i;

	for (i = 0; dynamic_at(image, i, &tag, &value); i++) {
		if (tag == DT_STRTAB)
			address = value;
		else if (tag == DT_STRSZ)
			image->strings_size = value;
	}
	if (address && !find_address(image, address, &image->strings))
		return broken(image, "its names lie outside of it");
	return 0;
}

static int read_name(const struct image *image, uint64_t at, char **text)
{
	if (at >= image->strings_size || at > INT64_MAX - image->strings || !image->strings)
		return broken(image, "a name lies outside of it");
	return read_text(image, image->strings + at, image->strings_size - at, text);
}

static int add_needed(const struct image *image, uint64_t at)
{
	struct pvk_elf *elf = image->elf;
	char *name = NULL;
	int ret;

	ret = pvk_grow((void **)&elf->needed, elf->n_needed, sizeof(*elf->needed),
		       PVK_ELF_NEEDED_MAX);
	if (ret == -EBADMSG)
		return broken(image, "it names too many libraries");
	if (ret)
		return pvk_err_set(image->err, ret, "out of memory");
	ret = read_name(image, at, &name);
	if (!ret)
		elf->needed[elf->n_needed++] = name;
	return ret;
}

static int read_names(struct image *image)
{
	struct pvk_elf *elf = image->elf;
	uint64_t tag, value;
	int ret = 0;
	size_t i;

	for (i = 0; !ret && dynamic_at(image, i, &tag, &value); i++) {
		if (tag == DT_NEEDED)
			ret = add_needed(image, value);
		else if (tag == DT_SONAME)
			ret = read_name(image, value, &elf->soname);
		else if (tag == DT_RPATH)
			ret = read_name(image, value, &elf->rpath);
		else if (tag == DT_RUNPATH)
			ret = read_name(image, value, &elf->runpath);
		else if (tag == DT_FLAGS_1)
			elf->nodeflib = value & DF_1_NODEFLIB;
	}
	return ret;
}

int pvk_elf_read(int fd, struct pvk_elf *elf, struct pvk_err *err)
{
	struct image image = { .fd = fd, .elf = elf, .err = err };
	int ret;

	*elf = (struct pvk_elf){ 0 };
	ret = read_header(&image);
	if (!ret)
		ret = read_interp(&image);
	if (!ret)
		ret = read_dynamic(&image);
	if (!ret)
		ret = find_strings(&image);
	if (!ret)
		ret = read_names(&image);
	free(image.headers);
	free(image.dynamic);
	if (ret)
		pvk_elf_free(elf);
	return ret;
}

void pvk_elf_free(struct pvk_elf *elf)
{
	size_t i;

	for (i = 0; i < elf->n_needed; i++)
		free(elf->needed[i]);
	free(elf->needed);
	free(elf->interp);
	free(elf->soname);
	free(elf->rpath);
	free(elf->runpath);
	*elf = (struct pvk_elf){ 0 };
}

bool pvk_elf_fits(const struct pvk_elf *library, const struct pvk_elf *program)
{
	uint32_t floats = EF_ARM_ABI_FLOAT_HARD | EF_ARM_ABI_FLOAT_SOFT;
	uint32_t a = library->flags, b = program->flags;

	if (library->is64 != program->is64 || library->big != program->big ||
	    library->machine != program->machine || library->type != ET_DYN)
		return false;
	/* Says one nothing of it, it does for both. */
	if (library->machine == EM_ARM)
		return !(a & floats) || !(b & floats) || (a & floats) == (b & floats);
	if (library->machine == EM_MIPS)
		return (a & EF_MIPS_ABI2) == (b & EF_MIPS_ABI2);
	return true;
}

int pvk_script_read(int fd, struct pvk_script *script)
{
	char line[PVK_SCRIPT_LINE + 1];
	ssize_t n = read_at(fd, 0, line, PVK_SCRIPT_LINE);
	char *at, *end;

	*script = (struct pvk_script){ 0 };
	if (n < 0)
		return (int)n;
	line[n] = '\0';
	if (strncmp(line, "#!", 2) != 0)
		return -ENOEXEC;
	at = line + 2 + strspn(line + 2, " \t");
	end = at + strcspn(at, " \t\n");
	/* Cut off: of a name the kernel takes no part, of the rest it does. */
	if (end == at || (!*end && n == PVK_SCRIPT_LINE))
		return -ENOEXEC;
	memcpy(script->interp, at, (size_t)(end - at));
	at = end + strspn(end, " \t");
	end = at + strcspn(at, "\n");
	while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	memcpy(script->arg, at, (size_t)(end - at));
	return 0;
}
