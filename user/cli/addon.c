// SPDX-License-Identifier: MIT
/*
 * pvkit addon pack
 *
 * An initramfs may be several archives one after the other; the kernel unpacks each
 * over those before it. Its xz knows the checks none and CRC32 and no other, and skips
 * zeroes between archives only to a multiple of 4 bytes.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lzma.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "cpio.h"

#define LEVEL		6
#define ALIGNMENT	4
#define DICT_MIN	(64 * 1024)

struct addon {
	const char *dir;
	const char *output;	/* NULL: stdout */
	char temp[PATH_MAX];
	int fd;
	uint32_t level;
	lzma_stream xz;
	uint64_t written;
	struct pvk_cpio cpio;
};

static int write_all(struct addon *addon, const uint8_t *data, size_t len)
{
	ssize_t n;

	while (len) {
		n = write(addon->fd, data, len);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n < 0)
			continue;
		data += n;
		len -= (size_t)n;
		addon->written += (uint64_t)n;
	}
	return 0;
}

static int code(struct addon *addon, const void *data, size_t len, lzma_action action)
{
	lzma_ret state = LZMA_OK;
	uint8_t out[64 * 1024];
	int ret = 0;

	addon->xz.next_in = data;
	addon->xz.avail_in = len;
	while (!ret && state == LZMA_OK && (addon->xz.avail_in || action == LZMA_FINISH)) {
		addon->xz.next_out = out;
		addon->xz.avail_out = sizeof(out);
		state = lzma_code(&addon->xz, action);
		if (state != LZMA_OK && state != LZMA_STREAM_END)
			return state == LZMA_MEM_ERROR ? -ENOMEM : -EIO;
		ret = write_all(addon, out, sizeof(out) - addon->xz.avail_out);
	}
	return ret;
}

static int take(void *arg, const void *data, size_t len)
{
	return code(arg, data, len, LZMA_RUN);
}

/*
 * The kernel allocates the whole dictionary while it unpacks: no more of it than the
 * archive is long.
 */
static int begin_xz(struct addon *addon)
{
	lzma_options_lzma options;
	lzma_filter filters[] = {
		{ LZMA_FILTER_LZMA2, &options }, { LZMA_VLI_UNKNOWN, NULL },
	};
	uint32_t dict = DICT_MIN;

	if (lzma_lzma_preset(&options, addon->level))
		return -EINVAL;
	while (dict < addon->cpio.size && dict < options.dict_size)
		dict *= 2;
	if (dict < options.dict_size)
		options.dict_size = dict;
	return lzma_stream_encoder(&addon->xz, filters, LZMA_CHECK_CRC32) ? -ENOMEM : 0;
}

static int open_output(struct addon *addon, struct pvk_err *err)
{
	mode_t mask;

	if (!addon->output) {
		addon->fd = STDOUT_FILENO;
		return 0;
	}
	if (snprintf(addon->temp, sizeof(addon->temp), "%s.XXXXXX", addon->output) >=
	    (int)sizeof(addon->temp))
		return pvk_err_set(err, -ENAMETOOLONG, "%s: %s", addon->output,
				   strerror(ENAMETOOLONG));
	addon->fd = mkostemp(addon->temp, O_CLOEXEC);
	if (addon->fd < 0)
		return pvk_err_set(err, -errno, "%s: %s", addon->output, strerror(errno));
	mask = umask(0);
	umask(mask);
	fchmod(addon->fd, 0666 & ~mask);
	return 0;
}

static int close_output(struct addon *addon, int ret, struct pvk_err *err)
{
	if (!addon->output || addon->fd < 0)
		return ret;
	if (close(addon->fd) && !ret)
		ret = pvk_err_set(err, -errno, "%s: %s", addon->output, strerror(errno));
	if (!ret && rename(addon->temp, addon->output))
		ret = pvk_err_set(err, -errno, "%s: %s", addon->output, strerror(errno));
	if (ret)
		unlink(addon->temp);
	return ret;
}

static int write_archive(struct addon *addon, struct pvk_err *err)
{
	static const uint8_t zeroes[ALIGNMENT];
	const struct pvk_cpio counted = addon->cpio;
	int ret = begin_xz(addon);

	addon->cpio.write = take;
	addon->cpio.arg = addon;
	if (!ret) {
		ret = pvk_cpio_pack(&addon->cpio, addon->dir, err);
		if (ret)
			return ret;
		if (addon->cpio.size != counted.size || addon->cpio.files != counted.files)
			return pvk_err_set(err, -EBUSY, "%s: changed while it was packed",
					   addon->dir);
		ret = code(addon, NULL, 0, LZMA_FINISH);
	}
	if (!ret)
		ret = write_all(addon, zeroes, -addon->written % ALIGNMENT);
	return ret ? pvk_err_set(err, ret, "%s: %s", addon->output ? addon->output : "stdout",
				 strerror(-ret)) : 0;
}

/* Counts first: what can't be packed is known before there is any output. */
static int pack(struct addon *addon, struct pvk_err *err)
{
	int ret = pvk_cpio_pack(&addon->cpio, addon->dir, err);

	if (ret)
		return ret;
	ret = open_output(addon, err);
	if (ret)
		return ret;
	ret = write_archive(addon, err);
	lzma_end(&addon->xz);
	return close_output(addon, ret, err);
}

static int report(const struct addon *addon, bool json)
{
	json_auto_out struct json_out out = { 0 };

	if (!json) {
		printf("%s: %u files, %llu bytes, %llu unpacked\n", addon->output,
		       addon->cpio.files, (unsigned long long)addon->written,
		       (unsigned long long)addon->cpio.size);
		return CLI_OK;
	}
	json_out_init(&out, CLI_JSON_MAX);
	json_out_object(&out);
	json_out_pair_str(&out, "file", addon->output);
	json_out_pair_uint(&out, "files", addon->cpio.files);
	json_out_pair_uint(&out, "size", addon->written);
	json_out_pair_uint(&out, "unpacked", addon->cpio.size);
	json_out_end(&out);
	return cli_print_json(&out);
}

/* https://reproducible-builds.org/specs/source-date-epoch/ */
static int read_epoch(struct addon *addon)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	uint64_t value;

	if (!text || !*text)
		return 0;
	if (cli_number(text, 1, UINT32_MAX, &value))
		return -EINVAL;
	addon->cpio.newest = (uint32_t)value;
	return 0;
}

static int read_options(struct cli *cli, struct addon *addon, int *status)
{
	uint64_t level;
	int option;

	while ((option = cli_option(cli, status)) >= 0) {
		switch (option) {
		case OPT_OUTPUT:
			addon->output = optarg;
			break;
		case OPT_LEVEL:
			if (cli_number(optarg, 0, 9, &level)) {
				*status = cli_usage(cli, "--level is 0 to 9, not %s", optarg);
				return CLI_EXIT;
			}
			addon->level = (uint32_t)level;
			break;
		case OPT_KEEP_OWNER:
			addon->cpio.owner = true;
			break;
		default:
			break;
		}
	}
	return option;
}

int verb_addon_pack(struct cli *cli)
{
	struct addon addon = { .fd = -1, .level = LEVEL, .xz = LZMA_STREAM_INIT };
	struct pvk_err err = { .text = "" };
	int status, ret;

	if (read_options(cli, &addon, &status) != CLI_END)
		return status;
	if (optind != cli->argc - 1)
		return cli_usage(cli, "wants one folder");
	if (!addon.output && cli->json)
		return cli_usage(cli, "--json wants --output: stdout is the archive's");
	if (!addon.output && isatty(STDOUT_FILENO))
		return cli_usage(cli, "the archive is nothing for a terminal: --output FILE");
	if (read_epoch(&addon))
		return cli_usage(cli, "SOURCE_DATE_EPOCH is no number of seconds");
	addon.dir = cli->argv[optind];
	ret = pack(&addon, &err);
	if (ret) {
		cli_complain(NULL, "%s", err.text);
		return CLI_FAILED;
	}
	return addon.output ? report(&addon, cli->json) : CLI_OK;
}
