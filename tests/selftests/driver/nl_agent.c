// SPDX-License-Identifier: MIT
/*
 * libs: libkmod
 *
 * A loading agent for pv_driver that can be told to misbehave.
 *
 *   nl_agent [OPTION...]
 *
 *   --mode work       load and unload as it should (default)
 *   --mode silent     never acknowledge a task
 *   --mode die        end on a task without acknowledging it
 *   --mode ack-die    acknowledge, let the worker begin, end
 *   --mode ack-abort  acknowledge, kill the worker before it begins, end
 *   --mode ack-stall  acknowledge, then never let the worker begin
 *   --mode no-work    acknowledge and claim success without doing anything
 *   --mode forge      before each true answer send forged ones
 *   --pooled          a worker tells its result and lives on, as long as the
 *                     agent does; and the agent goes on when it is displaced
 *   --delay MS        between the acknowledgement and the work
 *   --text TEXT       what to register as
 *   --errno N, --warn TEXT, --builtin   say this in every result, and do nothing
 *
 * Prints "ready", "exec OP ALIAS LINE [CONTAINER]" for each task, "accepted
 * LINE" when the kernel took the acknowledgement and "done LINE ERRNO" for each
 * result; what the kernel refuses as "refused
 * ERRNO TEXT". Ends with status 3 when the socket says it is agent no longer.
 */
#include "pvt_nl.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <libkmod.h>

#define MAX_WORKERS 64
#define EXIT_BUILTIN 200	/* of a worker; no errno is that large */

enum mode { WORK, SILENT, DIE, ACK_DIE, ACK_ABORT, ACK_STALL, NO_WORK, FORGE };

static const char *const mode_names[] = {
	"work", "silent", "die", "ack-die", "ack-abort", "ack-stall", "no-work", "forge", NULL
};

struct worker {
	pid_t pid;
	uint64_t exec_id;
	int go;		/* write end: a byte lets the worker begin, its end alone does not */
	int report;	/* read end: the status of a pooled worker */
	int64_t start;	/* when to do so; 0: never, -1: has begun */
	uint32_t seq;	/* of the acknowledgement */
	char line[PV_DRIVER_MAX_LINE + 1];
};

static enum mode mode;
static int delay_ms;
static int fixed_errno = -1;
static const char *fixed_warning;
static bool fixed_builtin;
static bool pooled;
static struct worker workers[MAX_WORKERS];
static struct pvt_sock sock;
static char buf[PVT_BUF];

/* In the place of a command of modprobe.d: it is not run, and that is an error. */
static int no_command(struct kmod_module *mod, const char *command, void *data)
{
	(void)mod;
	(void)command;
	(void)data;
	return -EPERM;
}

/* As `modprobe NAME PARAMS` does. */
static int work_load(const char *line)
{
	char name[PV_DRIVER_MAX_LINE + 1];
	struct kmod_ctx *ctx = kmod_new(NULL, NULL);
	struct kmod_list *list = NULL;
	struct kmod_list *item;
	const char *params = strchr(line, ' ');
	int err;

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(line, " "), line);
	if (!ctx)
		return ENOMEM;
	err = kmod_module_new_from_lookup(ctx, name, &list);
	if (err < 0 || !list)
		return err < 0 ? -err : ENOENT;
	kmod_list_foreach(item, list) {
		struct kmod_module *mod = kmod_module_get_module(item);

		err = kmod_module_probe_insert_module(mod, 0, params ? params + 1 : NULL,
						      no_command, NULL, NULL);
		if (!err && kmod_module_get_initstate(mod) == KMOD_MODULE_BUILTIN)
			err = EXIT_BUILTIN;
		kmod_module_unref(mod);
		if (err)
			return err == -EEXIST ? 0 : abs(err);
	}
	return 0;
}

static int work_unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? errno : 0;
}

static void worker_main(int go, int report, enum pv_driver_op op, const char *line)
{
	unsigned char status;
	char c;

	/* the socket belongs to the agent alone: a worker that keeps it open
	 * would hide the agent's death
	 */
	close(mnl_socket_get_fd(sock.nl));
	signal(SIGTERM, SIG_DFL);
	/* an agent that dies before its acknowledgement leaves nothing behind */
	if (read(go, &c, 1) != 1)
		_exit(EIO);
	status = op == PV_DRIVER_OP_LOAD ? work_load(line) : work_unload(line);
	/* the pipe ends with the agent */
	if (pooled && (write(report, &status, 1) != 1 || read(go, &c, 1) < 0))
		_exit(EIO);
	_exit(status);
}

static struct worker *start_worker(uint64_t id, enum pv_driver_op op, const char *line)
{
	struct worker *w = NULL;
	int fds[2], report[2];

	for (int i = 0; i < MAX_WORKERS && !w; i++)
		if (!workers[i].pid)
			w = &workers[i];
	if (!w || pipe2(fds, O_CLOEXEC) || pipe2(report, O_CLOEXEC | O_NONBLOCK))
		pvt_die("worker", ENOMEM);
	fflush(stdout);
	w->pid = fork();
	if (w->pid < 0)
		pvt_die("fork", errno);
	if (!w->pid) {
		close(fds[1]);
		close(report[0]);
		/* forked later than the others: it must not hold their pipes */
		for (int i = 0; i < MAX_WORKERS; i++)
			if (&workers[i] != w && workers[i].pid && workers[i].start != -1)
				close(workers[i].go);
		worker_main(fds[0], report[1], op, line);
	}
	close(fds[0]);
	close(report[1]);
	w->go = fds[1];
	w->report = report[0];
	w->exec_id = id;
	w->start = 0;
	snprintf(w->line, sizeof(w->line), "%s", line);
	return w;
}

static void send_result(uint64_t id, int err, const char *line)
{
	bool builtin = fixed_builtin || err == EXIT_BUILTIN;
	struct nlmsghdr *nlh = pvt_msg(&sock, buf, PV_DRIVER_CMD_RESULT, 0);
	const char *params = strchr(line, ' ');

	if (err == EXIT_BUILTIN)
		err = 0;
	mnl_attr_put_u64(nlh, PV_DRIVER_A_EXEC_ID, id);
	mnl_attr_put_u32(nlh, PV_DRIVER_A_ERRNO, err);
	/* the kernel puts the module's name in front */
	if (err)
		mnl_attr_put_strz(nlh, PV_DRIVER_A_TEXT, strerror(err));
	mnl_attr_put_strz(nlh, PV_DRIVER_A_PARAMS, params ? params + 1 : "");
	if (fixed_warning)
		mnl_attr_put_strz(nlh, PV_DRIVER_A_WARNING, fixed_warning);
	if (builtin)
		mnl_attr_put(nlh, PV_DRIVER_A_BUILTIN, 0, NULL);
	pvt_send(&sock, nlh);
	printf("done %s %s\n", line, pvt_errname(err));
}

static uint32_t send_ack(uint64_t id, pid_t pid)
{
	struct nlmsghdr *nlh = pvt_msg(&sock, buf, PV_DRIVER_CMD_EXEC_ACK, NLM_F_ACK);

	mnl_attr_put_u64(nlh, PV_DRIVER_A_EXEC_ID, id);
	mnl_attr_put_u32(nlh, PV_DRIVER_A_PID, pid);
	pvt_send(&sock, nlh);
	return nlh->nlmsg_seq;
}

/* Answers to tasks that are not ours, and an acknowledgement of nobody. */
static void send_forgeries(uint64_t id)
{
	send_result(id + 1000, 0, "forged");
	send_ack(id + 1000, getpid());
	send_ack(id, 4000000);
}

static void begin(struct worker *w)
{
	if (write(w->go, "", 1) != 1)
		pvt_die("worker", errno);
	if (!pooled)
		close(w->go);
	w->start = -1;
}

static void on_exec(const struct nlmsghdr *nlh)
{
	uint64_t id = pvt_get_u64(nlh, PV_DRIVER_A_EXEC_ID);
	uint32_t op = pvt_get_u32(nlh, PV_DRIVER_A_OP);
	char line[PV_DRIVER_MAX_LINE + 1];
	struct worker *w;

	snprintf(line, sizeof(line), "%s", pvt_get_str(nlh, PV_DRIVER_A_LINE));
	printf("exec %s %s %s %s\n", op < 2 ? pvt_ops[op] : "resolve",
	       pvt_get_str(nlh, PV_DRIVER_A_ALIAS), line,
	       pvt_get_str(nlh, PV_DRIVER_A_CONTAINER));
	if (mode == SILENT)
		return;
	if (mode == DIE)
		_exit(0);
	if (mode == FORGE)
		send_forgeries(id);
	if (op > PV_DRIVER_OP_UNLOAD || mode == NO_WORK || fixed_errno >= 0) {
		send_ack(id, getpid());
		send_result(id, fixed_errno > 0 ? fixed_errno : 0, line);
		return;
	}
	w = start_worker(id, op, line);
	w->seq = send_ack(id, w->pid);
	if (mode == ACK_ABORT)
		kill(w->pid, SIGKILL);
	if (mode == ACK_DIE)
		begin(w);
	if (mode == ACK_ABORT || mode == ACK_DIE)
		_exit(0);
}

/* The kernel took the acknowledgement, or had given the task to another. */
static void on_acked(uint32_t seq, int err)
{
	for (int i = 0; i < MAX_WORKERS; i++) {
		struct worker *w = &workers[i];

		if (!w->pid || w->start || w->seq != seq || mode == ACK_STALL)
			continue;
		if (err) {
			kill(w->pid, SIGKILL);
			continue;
		}
		w->start = pvt_now_ms() + delay_ms;
		printf("accepted %s\n", w->line);
	}
}

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (int i = 0; i < MAX_WORKERS; i++) {
			struct worker *w = &workers[i];

			if (w->pid != pid)
				continue;
			if (w->start != -1)
				close(w->go);
			close(w->report);
			w->pid = 0;
			send_result(w->exec_id, WIFEXITED(status) ? WEXITSTATUS(status) : EINTR,
				    w->line);
		}
	}
}

/* Results of workers that live on. Their pipes stay: they end with the agent. */
static void collect(void)
{
	unsigned char status;

	for (int i = 0; i < MAX_WORKERS; i++) {
		struct worker *w = &workers[i];

		if (!w->pid || read(w->report, &status, 1) != 1)
			continue;
		close(w->report);
		w->pid = 0;
		send_result(w->exec_id, status, w->line);
	}
}

static void on_message(const struct nlmsghdr *nlh)
{
	const char *text;
	int err;

	if (nlh->nlmsg_type == NLMSG_ERROR) {
		err = pvt_error(nlh, &text);
		on_acked(nlh->nlmsg_seq, err);
		if (err)
			printf("refused %s %s\n", pvt_errname(err), text ? text : "");
		if (err == EPERM && !pooled)
			exit(3);
	} else if (nlh->nlmsg_type == sock.family && pvt_cmd_of(nlh) == PV_DRIVER_CMD_EXEC) {
		on_exec(nlh);
	}
}

static void serve(void)
{
	static char in[PVT_BUF];

	for (;;) {
		int64_t now = pvt_now_ms();
		ssize_t len = pvt_recv(&sock, in, sizeof(in), now + 20);
		const struct nlmsghdr *nlh = (const struct nlmsghdr *)in;
		int left = len;

		if (len < 0 && len != -ETIMEDOUT)
			printf("recv %s\n", pvt_errname(-len));
		if (len > 0)
			for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
				on_message(nlh);
		for (int i = 0; i < MAX_WORKERS; i++)
			if (workers[i].pid && workers[i].start > 0 && now >= workers[i].start)
				begin(&workers[i]);
		if (pooled)
			collect();
		reap();
	}
}

static void options(int argc, char **argv, const char **text)
{
	for (int i = 1; i < argc; i++) {
		int m = -1;

		if (!strcmp(argv[i], "--builtin")) {
			fixed_builtin = true;
			continue;
		}
		if (!strcmp(argv[i], "--pooled")) {
			pooled = true;
			continue;
		}
		if (i + 1 >= argc)
			pvt_die(argv[i], EINVAL);
		if (!strcmp(argv[i], "--mode"))
			m = pvt_index(mode_names, argv[++i]);
		else if (!strcmp(argv[i], "--delay"))
			delay_ms = atoi(argv[++i]);
		else if (!strcmp(argv[i], "--errno"))
			fixed_errno = atoi(argv[++i]);
		else if (!strcmp(argv[i], "--warn"))
			fixed_warning = argv[++i];
		else if (!strcmp(argv[i], "--text"))
			*text = argv[++i];
		else
			pvt_die(argv[i], EINVAL);
		if (m >= 0)
			mode = m;
	}
}

int main(int argc, char **argv)
{
	const char *text = "nl_agent";
	struct nlmsghdr *nlh;
	int err;

	options(argc, argv, &text);
	setvbuf(stdout, NULL, _IOLBF, 0);
	pvt_open(&sock);
	nlh = pvt_msg(&sock, buf, PV_DRIVER_CMD_AGENT, NLM_F_ACK);
	mnl_attr_put_strz(nlh, PV_DRIVER_A_TEXT, text);
	err = pvt_call(&sock, nlh, true);
	if (err)
		return 1;
	puts("ready");
	serve();
	return 0;
}
