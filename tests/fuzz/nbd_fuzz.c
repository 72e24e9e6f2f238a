// SPDX-License-Identifier: MIT
/*
 * A hostile NBD server: the words of nbdroot=, a NUL, and all that the server says. What is
 * wanted of it stays in its bounds, the talk ends, and an export that comes of it is one.
 */
#include <stdint.h>
#include <string.h>

#include "../../user/init/nbd_words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEPS_MAX	256
#define CHECK(what) \
	do { \
		if (!(what)) \
			__builtin_trap(); \
	} while (0)

static void talk(const char *name, bool go, const uint8_t *data, size_t size)
{
	struct nbd_handshake hs;
	struct pvk_err err = { .text = "" };
	unsigned int steps = 0;
	int ret = nbd_handshake_begin(&hs, name, go, &err);

	while (!ret) {
		CHECK(hs.want && hs.want <= NBD_WANT_MAX && hs.len <= NBD_SEND_MAX);
		CHECK(++steps < STEPS_MAX);
		if (hs.want > size) {
			CHECK(nbd_handshake_end(&hs, &err) < 0 && err.text[0]);
			return;
		}
		data += hs.want;
		size -= hs.want;
		ret = nbd_handshake_take(&hs, data - hs.want, &err);
	}
	if (ret > 0)
		CHECK(ret == 1 && hs.export.size && hs.export.size <= INT64_MAX);
	else
		CHECK(err.text[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len = strnlen((const char *)data, size);
	struct pvk_err err = { .text = "" };
	struct nbd_words words;
	char text[600];

	if (len >= sizeof(text) || len == size)
		return 0;
	memcpy(text, data, len);
	text[len] = '\0';
	if (nbd_words_parse(&words, text, &err)) {
		CHECK(err.text[0]);
		words = (struct nbd_words){ .go = true };
	}
	CHECK(strnlen(words.server, sizeof(words.server)) < sizeof(words.server));
	CHECK(strnlen(words.export, sizeof(words.export)) < sizeof(words.export));
	CHECK(words.device < 1024 && words.timeout <= NBD_TIMEOUT_MAX);
	talk(words.export, words.go, data + len + 1, size - len - 1);
	return 0;
}
