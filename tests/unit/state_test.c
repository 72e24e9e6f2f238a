// SPDX-License-Identifier: MIT
/*
 * What pvkitd says of its last reading is what is read back, whatever is in it.
 */
#include <errno.h>
#include <fcntl.h>

#include "ktap.h"
#include "state.h"

static char dir[] = "/tmp/pvk-state-XXXXXX";

static void put(const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/" PVK_STATE_FILE, dir);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		printf("# can't write %s\n", path);
	close(fd);
}

int main(void)
{
	const struct pvk_state said = {
		.ok = false, .when = 1790000000, .file = "/var/lib/pvkit/bsp/drivers.json",
		.text = "3:7: \"a\\\nb\" is no object\x01", .sections = "all, dtb:all",
		.aliases = 3, .pending = 2, .warnings = 1,
		.modules = { "/bsp/modules", "/more \"of\" them" }, .n_modules = 2,
	};
	struct pvk_state got;
	char path[128];

	ktap_plan(0);
	if (!mkdtemp(dir))
		return 1;
	ktap_eq(pvk_state_read(dir, &got), -ENOENT, "nothing was read yet");
	ktap_eq(pvk_state_write(dir, &said), 0, "it is said");
	ktap_eq(pvk_state_read(dir, &got), 0, "and read back");
	ktap_check(!got.ok && got.when == said.when && got.aliases == 3 && got.pending == 2 &&
		   got.warnings == 1, "the numbers");
	ktap_str(got.text, said.text, "the text");
	ktap_str(got.sections, said.sections, "the sections");
	ktap_str(got.file, said.file, "the file");
	ktap_eq(got.n_modules, 2, "the directories of modules");
	ktap_str(got.modules[0], said.modules[0], "the first");
	ktap_str(got.modules[1], said.modules[1], "and the second");
	put("{\"ok\":true}");
	ktap_eq(pvk_state_read(dir, &got), -EBADMSG, "what lacks something is refused");
	put("{\"ok\":true,\"when\":1}");
	ktap_eq(pvk_state_read(dir, &got), 0, "the rest may be missing");
	ktap_str(got.text, "", "and is empty then");
	put("{");
	ktap_eq(pvk_state_read(dir, &got), -EBADMSG, "no JSON");
	snprintf(path, sizeof(path), "%s/" PVK_STATE_FILE, dir);
	unlink(path);
	rmdir(dir);
	ktap_eq(pvk_state_write(dir, &said), -ENOENT, "a directory that is not there");
	return ktap_finish();
}
