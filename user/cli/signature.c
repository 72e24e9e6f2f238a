// SPDX-License-Identifier: MIT
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "dlopennote.h"
#include "signature.h"

#define FILE_MAX	4096
#define HASH_SIZE	64
#define BLOCK_BYTES	65536
#define STATE_ALIGN	64

DLOPEN_NOTE("[{\"soname\":[\"libsodium.so.26\",\"libsodium.so.23\"],"
	    "\"feature\":\"update-signature\","
	    "\"description\":\"pvkit update --verify-key\","
	    "\"priority\":\"suggested\"}]");

/* Of both versions; their headers are not wanted for these few. */
struct sodium {
	int (*init)(void);
	int (*verify)(const unsigned char *sig, const unsigned char *message,
		      unsigned long long len, const unsigned char *key);
	size_t (*hash_size)(void);
	int (*hash_init)(void *state, const unsigned char *key, size_t key_len, size_t out_len);
	int (*hash_add)(void *state, const unsigned char *data, unsigned long long len);
	int (*hash_end)(void *state, unsigned char *out, size_t out_len);
};

/* As they are in the files, packed. */
struct public_key {
	char algorithm[2];
	unsigned char id[8];
	unsigned char key[32];
};

struct signature {
	char algorithm[2];	/* "Ed": of the file; "ED": of its BLAKE2b hash */
	unsigned char id[8];
	unsigned char sig[64];
};

_Static_assert(sizeof(struct public_key) == 42 && sizeof(struct signature) == 74, "packed");

/* ---- libsodium ---- */

static const struct {
	const char *name;
	size_t at;
} functions[] = {
	{ "sodium_init", offsetof(struct sodium, init) },
	{ "crypto_sign_verify_detached", offsetof(struct sodium, verify) },
	{ "crypto_generichash_statebytes", offsetof(struct sodium, hash_size) },
	{ "crypto_generichash_init", offsetof(struct sodium, hash_init) },
	{ "crypto_generichash_update", offsetof(struct sodium, hash_add) },
	{ "crypto_generichash_final", offsetof(struct sodium, hash_end) },
};

/* NULL: it is not there. It stays until the end. */
static const struct sodium *load_sodium(struct pvk_err *err)
{
	static struct sodium sodium;
	void *handle = dlopen("libsodium.so.26", RTLD_NOW | RTLD_LOCAL), *found;
	size_t i;

	if (!handle)
		handle = dlopen("libsodium.so.23", RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		pvk_err_set(err, -ENOPKG, "wants libsodium to check a signature: %s", dlerror());
		return NULL;
	}
	for (i = 0; i < PVK_ARRAY_SIZE(functions); i++) {
		found = dlsym(handle, functions[i].name);
		if (!found) {
			pvk_err_set(err, -ENOPKG, "libsodium has no %s", functions[i].name);
			return NULL;
		}
		*(void **)((char *)&sodium + functions[i].at) = found;
	}
	if (sodium.init() >= 0)
		return &sodium;
	pvk_err_set(err, -ENOPKG, "libsodium does not start");
	return NULL;
}

/* ---- files ---- */

static int digit(char c)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Base64 of exactly that many bytes. */
static bool decode(const char *text, void *data, size_t size)
{
	unsigned char *to = data;
	uint32_t bits = 0;
	size_t i, n = 0;

	for (i = 0; text[i] && text[i] != '='; i++) {
		if (digit(text[i]) < 0)
			return false;
		bits = bits << 6 | (uint32_t)digit(text[i]);
		if (i % 4 == 0)
			continue;
		if (n == size)
			return false;
		to[n++] = (unsigned char)(bits >> (6 - 2 * (i % 4)));
	}
	return n == size && strspn(text + i, "=") == strlen(text + i) &&
	       (i + strlen(text + i)) % 4 == 0;
}

/* The lines of a file; those that are not there are "". */
static int read_lines(const char *path, char **data, char *line[4], struct pvk_err *err)
{
	static char none[] = "";
	char *rest;
	size_t i;
	int ret = pvk_read_file(AT_FDCWD, path, FILE_MAX, data, NULL);

	for (i = 0; i < 4; i++)
		line[i] = none;
	if (ret)
		return pvk_err_set(err, ret, "%s: %s", path, strerror(-ret));
	rest = *data;
	for (i = 0; i < 4 && rest; i++) {
		line[i] = strsep(&rest, "\n");
		line[i][strcspn(line[i], "\r")] = '\0';
	}
	return 0;
}

static int read_key(const char *path, struct public_key *key, struct pvk_err *err)
{
	pvk_auto_free char *data = NULL;
	char *line[4];
	int ret = read_lines(path, &data, line, err);

	if (ret)
		return ret;
	if (!decode(line[1], key, sizeof(*key)) || memcmp(key->algorithm, "Ed", 2) != 0)
		return pvk_err_set(err, -EBADMSG, "%s: no public key of minisign, signify or usign",
				   path);
	return 0;
}

/* ---- checking ---- */

static int hash_file(const struct sodium *sodium, int fd, unsigned char hash[HASH_SIZE])
{
	size_t size = (sodium->hash_size() + STATE_ALIGN - 1) / STATE_ALIGN * STATE_ALIGN;
	pvk_auto_free void *state = aligned_alloc(STATE_ALIGN, size);
	static unsigned char block[BLOCK_BYTES];
	ssize_t n;

	if (!state)
		return -ENOMEM;
	sodium->hash_init(state, NULL, 0, HASH_SIZE);
	while ((n = read(fd, block, sizeof(block)))) {
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			sodium->hash_add(state, block, (unsigned long long)n);
	}
	sodium->hash_end(state, hash, HASH_SIZE);
	return 0;
}

/*
 * The whole file at once is what it has to be for that; mapped it takes no memory. Who
 * makes it shorter meanwhile ends us (SIGBUS), before anything was done.
 */
static int verify_mapped(const struct sodium *sodium, int fd, const unsigned char *sig,
			 const unsigned char *key)
{
	struct stat st;
	void *data;
	int ret;

	if (fstat(fd, &st))
		return -errno;
	if (!st.st_size)
		return -ENODATA;
	if ((uint64_t)st.st_size > SIZE_MAX)
		return -EFBIG;
	data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return -errno;
	ret = sodium->verify(sig, data, (unsigned long long)st.st_size, key) ? -EKEYREJECTED : 0;
	munmap(data, (size_t)st.st_size);
	return ret;
}

static int verify_image(const struct sodium *sodium, const char *image,
			const struct signature *signature, const struct public_key *key)
{
	pvk_auto_close int fd = open(image, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	unsigned char hash[HASH_SIZE];
	int ret;

	if (fd < 0)
		return -errno;
	if (memcmp(signature->algorithm, "Ed", 2) == 0)
		return verify_mapped(sodium, fd, signature->sig, key->key);
	ret = hash_file(sodium, fd, hash);
	if (ret)
		return ret;
	return sodium->verify(signature->sig, hash, sizeof(hash), key->key) ? -EKEYREJECTED : 0;
}

/* minisign's second signature: of the first and of a comment, which can be believed then. */
static int verify_comment(const struct sodium *sodium, char *const line[4],
			  const struct signature *signature, const struct public_key *key,
			  char comment[SIGNATURE_COMMENT])
{
	static const char begin[] = "trusted comment: ";
	unsigned char signed_part[64 + FILE_MAX], sig[64];
	const char *text = line[2] + strlen(begin);
	size_t len;

	comment[0] = '\0';
	if (strncmp(line[2], begin, strlen(begin)) != 0)
		return 0;
	len = strlen(text);
	if (!decode(line[3], sig, sizeof(sig)))
		return -EBADMSG;
	memcpy(signed_part, signature->sig, sizeof(signature->sig));
	memcpy(signed_part + sizeof(signature->sig), text, len);
	if (sodium->verify(sig, signed_part, sizeof(signature->sig) + len, key->key))
		return -EKEYREJECTED;
	snprintf(comment, SIGNATURE_COMMENT, "%s", text);
	return 0;
}

static int find_signature(const char *image, char *path, size_t size, struct pvk_err *err)
{
	static const char *const suffix[] = { "minisig", "sig" };
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(suffix); i++)
		if (snprintf(path, size, "%s.%s", image, suffix[i]) < (int)size &&
		    !access(path, F_OK))
			return 0;
	return pvk_err_set(err, -ENOENT, "neither %s.minisig nor %s.sig is there", image, image);
}

int signature_check(const char *image, const char *data, const char *key_path,
		    char comment[SIGNATURE_COMMENT], struct pvk_err *err)
{
	pvk_auto_free char *lines = NULL;
	struct signature signature;
	struct public_key key;
	const struct sodium *sodium;
	char path[PATH_MAX], *line[4];
	int ret;

	ret = read_key(key_path, &key, err);
	if (!ret)
		ret = find_signature(image, path, sizeof(path), err);
	if (!ret)
		ret = read_lines(path, &lines, line, err);
	if (ret)
		return ret;
	if (!decode(line[1], &signature, sizeof(signature)) ||
	    (memcmp(signature.algorithm, "Ed", 2) != 0 &&
	     memcmp(signature.algorithm, "ED", 2) != 0))
		return pvk_err_set(err, -EBADMSG, "%s: no signature of minisign, signify or usign",
				   path);
	if (memcmp(signature.id, key.id, sizeof(key.id)) != 0)
		return pvk_err_set(err, -EKEYREJECTED, "%s: signed with another key", path);
	sodium = load_sodium(err);
	if (!sodium)
		return -ENOPKG;
	ret = verify_image(sodium, data, &signature, &key);
	if (ret)
		return pvk_err_set(err, ret, "%s: %s", image, ret == -EKEYREJECTED ?
				   "not what was signed" : strerror(-ret));
	ret = verify_comment(sodium, line, &signature, &key, comment);
	return ret ? pvk_err_set(err, ret, "%s: its trusted comment is not what was signed",
				 path) : 0;
}
