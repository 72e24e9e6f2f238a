// SPDX-License-Identifier: MIT
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "util.h"

int pvk_err_set(struct pvk_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return code;
	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return code;
}

const char *pvk_name_of(const char *const *names, size_t count, uint32_t value)
{
	return value < count && names[value] ? names[value] : "?";
}

void pvk_buf_init(struct pvk_buf *buf, size_t max)
{
	*buf = (struct pvk_buf)PVK_BUF_INIT(max);
}

void pvk_buf_free(struct pvk_buf *buf)
{
	free(buf->data);
	pvk_buf_init(buf, buf->max);
}

void pvk_buf_reset(struct pvk_buf *buf)
{
	buf->len = 0;
	buf->err = 0;
	if (buf->data)
		buf->data[0] = '\0';
}

/* Makes room for len more bytes and the NUL. */
static int buf_reserve(struct pvk_buf *buf, size_t len)
{
	size_t cap;
	char *data;

	if (buf->err)
		return buf->err;
	if (len > buf->max - buf->len)
		return buf->err = -ENOSPC;
	if (buf->len + len < buf->cap)
		return 0;

	cap = buf->cap ? buf->cap : 64;
	while (cap <= buf->len + len)
		cap *= 2;
	if (cap > buf->max + 1)
		cap = buf->max + 1;
	data = realloc(buf->data, cap);
	if (!data)
		return buf->err = -ENOMEM;
	buf->data = data;
	buf->cap = cap;
	return 0;
}

int pvk_buf_add(struct pvk_buf *buf, const void *data, size_t len)
{
	int ret = buf_reserve(buf, len);

	if (ret)
		return ret;
	if (len)
		memcpy(buf->data + buf->len, data, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
	return 0;
}

int pvk_buf_puts(struct pvk_buf *buf, const char *text)
{
	return pvk_buf_add(buf, text, strlen(text));
}

int pvk_buf_putc(struct pvk_buf *buf, char c)
{
	return pvk_buf_add(buf, &c, 1);
}

int pvk_buf_printf(struct pvk_buf *buf, const char *fmt, ...)
{
	va_list ap;
	int len, ret;

	va_start(ap, fmt);
	len = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (len < 0)
		return buf->err ? buf->err : (buf->err = -EINVAL);
	ret = buf_reserve(buf, (size_t)len);
	if (ret)
		return ret;

	va_start(ap, fmt);
	vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, ap);
	va_end(ap);
	buf->len += (size_t)len;
	return 0;
}

const char *pvk_buf_str(const struct pvk_buf *buf)
{
	return buf->data ? buf->data : "";
}

int pvk_buf_take(struct pvk_buf *buf, char **text, size_t *len)
{
	/* Allocates for the empty text too, so that the caller always gets one. */
	int ret = pvk_buf_add(buf, "", 0);

	if (ret)
		return ret;
	*text = buf->data;
	if (len)
		*len = buf->len;
	buf->data = NULL;
	pvk_buf_free(buf);
	return 0;
}

void pvk_list_free(struct pvk_list *list)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		free(list->item[i]);
	free(list->item);
	*list = (struct pvk_list){ 0 };
}

void pvk_list_warn(struct pvk_list *list, const char *fmt, ...)
{
	struct pvk_err text;
	va_list ap;

	if (!list)
		return;
	if (!list->item)
		list->item = calloc(PVK_LIST_MAX, sizeof(*list->item));
	if (!list->item || list->count == PVK_LIST_MAX) {
		list->dropped++;
		return;
	}

	va_start(ap, fmt);
	vsnprintf(text.text, sizeof(text.text), fmt, ap);
	va_end(ap);
	list->item[list->count] = strdup(text.text);
	if (list->item[list->count])
		list->count++;
	else
		list->dropped++;
}

int pvk_read_fd(int fd, size_t max, char **data, size_t *len)
{
	pvk_auto_buf struct pvk_buf buf = PVK_BUF_INIT(max);
	char chunk[4096];
	ssize_t n;
	int ret;

	for (;;) {
		n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return pvk_buf_take(&buf, data, len);
		ret = pvk_buf_add(&buf, chunk, (size_t)n);
		if (ret)
			return ret == -ENOSPC ? -EFBIG : ret;
	}
}

int pvk_read_file(int dirfd, const char *path, size_t max, char **data, size_t *len)
{
	pvk_auto_close int fd = -1;
	struct stat st;

	/* A FIFO in the file's place must not hang the open. */
	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	return pvk_read_fd(fd, max, data, len);
}

static int write_all(int fd, const char *data, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int write_new(int dirfd, const char *name, const void *data, size_t len, mode_t mode)
{
	int fd, ret;

	/* O_EXCL then refuses links as well. */
	unlinkat(dirfd, name, 0);
	fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	ret = write_all(fd, data, len);
	if (!ret && fsync(fd))
		ret = -errno;
	if (close(fd) && !ret)
		ret = -errno;
	return ret;
}

int pvk_replace_file(int dirfd, const char *name, const char *temp, const void *data, size_t len,
		     mode_t mode)
{
	int ret = write_new(dirfd, temp, data, len, mode);

	if (!ret && renameat(dirfd, temp, dirfd, name))
		ret = -errno;
	if (ret) {
		unlinkat(dirfd, temp, 0);
		return ret;
	}
	return fsync(dirfd) ? -errno : 0;
}

bool pvk_name_ok(const char *name)
{
	size_t i;

	if (!name[0] || name[0] == '.')
		return false;
	for (i = 0; name[i]; i++) {
		if (i == PVK_NAME_MAX)
			return false;
		if (!pvk_isalnum((unsigned char)name[i]) && !strchr("._+@:-", name[i]))
			return false;
	}
	return true;
}

bool pvk_alias_ok(const char *name)
{
	static const char *const taken[] = {
		"load", "unload", "events", "register", "unregister",
	};
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(taken); i++)
		if (!strcmp(name, taken[i]))
			return false;
	return pvk_name_ok(name);
}

static bool utf8_tail(const char *s, size_t n)
{
	size_t i;

	for (i = 1; i <= n; i++)
		if (((unsigned char)s[i] & 0xc0) != 0x80)
			return false;
	return true;
}

size_t pvk_utf8_len(const char *s, size_t len)
{
	unsigned char c, d;

	if (!len)
		return 0;
	c = (unsigned char)s[0];
	if (c < 0x80)
		return 1;
	if (c < 0xc2 || c > 0xf4 || len < 2)
		return 0;
	d = (unsigned char)s[1];
	if (c < 0xe0)
		return utf8_tail(s, 1) ? 2 : 0;
	if (c < 0xf0) {
		if (len < 3 || !utf8_tail(s, 2))
			return 0;
		if ((c == 0xe0 && d < 0xa0) || (c == 0xed && d >= 0xa0))
			return 0;
		return 3;
	}
	if (len < 4 || !utf8_tail(s, 3))
		return 0;
	if ((c == 0xf0 && d < 0x90) || (c == 0xf4 && d >= 0x90))
		return 0;
	return 4;
}

size_t pvk_utf8_print(const char *s, size_t len)
{
	size_t n = pvk_utf8_len(s, len);

	if (n == 1 && pvk_iscntrl((unsigned char)s[0]))
		return 0;
	return n == 2 && (unsigned char)s[0] == 0xc2 && (unsigned char)s[1] < 0xa0 ? 0 : n;
}

bool pvk_take_uint(const char **text, unsigned int *number)
{
	unsigned long n;
	char *end;

	if (**text < '0' || **text > '9')
		return false;
	errno = 0;
	n = strtoul(*text, &end, 10);
	if (errno || n > UINT_MAX)
		return false;
	*number = (unsigned int)n;
	*text = end;
	return true;
}

int pvk_grow(void **array, size_t count, size_t size, size_t max)
{
	size_t cap = count ? count * 2 : 4;
	void *more;

	if (count >= max)
		return -EBADMSG;
	/* Full exactly at 0 and at powers of two from 4 on. */
	if (count && (count < 4 || count & (count - 1)))
		return 0;
	more = realloc(*array, cap * size);
	if (!more)
		return -ENOMEM;
	*array = more;
	return 0;
}
