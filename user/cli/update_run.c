// SPDX-License-Identifier: MIT
/*
 * pvkit update, in earnest. A process of its own does it, in a session of its own: who
 * started it waits on the terminal until process 1 is handed over, and may go before.
 *
 * Up to there everything is taken back when it is asked to stop: by Ctrl-C, by SIGTERM, by
 * `pvkit pivot abort`. After that the old system ends, and pvkit-update is next: nothing that
 * it wants is taken away any more, and if it is stopped it has the old system begin anew.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "flagsource.h"
#include "genl.h"
#include "pivot.h"
#include "update.h"
#include "update_dog.h"

/* Of the state `open`: large images, slow media. */
#define SESSION_SECONDS	3600
/* Of process 1: until it has read its inittab, and for what it has under `shutdown`. */
#define READ_SECONDS	60
#define GO_SECONDS	600
#define REPORT_SECONDS	5
#define LOOK_MS		100
#define INITTAB_MAX	65536
#define HANDED_OVER	'h'

struct run {
	struct cli *cli;
	struct update *update;
	struct pvk_pivot *pivot;
	int session;		/* -1: none */
	int told;		/* to who waits on the terminal */
	bool mounted;		/* the RAM */
	bool prepared;		/* our inittab lies over process 1's */
	bool gone;		/* process 1 is at work on it */
	struct pvk_handover handover;
	char inittab[PATH_MAX], gate[PVK_TURNS][PATH_MAX];
	struct update_dog dog;
	FILE *log;
	char why[256];		/* it was stopped */
	struct plan plan;
};

static volatile sig_atomic_t stop_signal;

static void on_stop(int sig)
{
	stop_signal = sig;
}

static void take_signals(void)
{
	struct sigaction action = { .sa_handler = on_stop };

	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	(void)signal(SIGCHLD, SIG_DFL);
}

/* ---- what is told ---- */

static void put_in_log(const struct run *run, const char *text)
{
	if (!run->log)
		return;
	fprintf(run->log, "pvkit: %s\n", text);
	fflush(run->log);
}

/* On the terminal, if there is one yet, and in the log. */
static void say(const struct run *run, const char *fmt, ...) PVK_PRINTF(2, 3);

static void say(const struct run *run, const char *fmt, ...)
{
	FILE *to = run->cli->json ? stderr : stdout;
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(to, "pvkit: %s\n", text);
	fflush(to);
	clearerr(to);
	put_in_log(run, text);
}

static void say_text(void *arg, const char *text)
{
	say(arg, "%s", text);
}

static int fail(const struct run *run, const struct pvk_err *err)
{
	put_in_log(run, err->text);
	cli_complain("update", "%s", err->text);
	return CLI_FAILED;
}

static const char *path_in_ram(const struct run *run, const char *name, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "%s%s", run->update->conf.ram, name);
	return path;
}

/* ---- the session, by which another one is kept out and this one can be stopped ---- */

/* 0 or an exit status. */
static int begin_session(struct run *run)
{
	pvk_auto_close int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct pvk_err err = { .text = "" };
	int ret;

	run->session = -1;
	update_find_module(true);
	ret = pvk_pivot_open(&run->pivot, NULL, NULL, &err);
	/* The check says so. What an initramfs writes needs none. */
	if (ret == -ENOENT)
		return 0;
	if (!ret)
		ret = pvk_pivot_begin(run->pivot, fd, SESSION_SECONDS, &run->session, &err);
	if (!ret)
		return 0;
	cli_fail("update", ret, &err);
	return ret == -EBUSY || ret == -EEXIST ? CLI_REFUSED : cli_status(ret);
}

static void end_session(struct run *run)
{
	if (run->session >= 0)
		close(run->session);
	run->session = -1;
}

/* Was it asked to stop? */
static bool go_on(void *arg)
{
	struct pvk_pivot_status status = { .state = PV_PIVOT_STATE_OPEN };
	struct run *run = arg;

	if (run->why[0])
		return false;
	if (stop_signal)
		snprintf(run->why, sizeof(run->why), "%s", strsignal(stop_signal));
	else if (run->session >= 0 && !pvk_pivot_status(run->pivot, &status, NULL) &&
		 status.state != PV_PIVOT_STATE_OPEN)
		snprintf(run->why, sizeof(run->why), "the session is %s%s%.180s",
			 pvk_pivot_state_name(status.state), status.text[0] ? ": " : "",
			 status.text);
	return !run->why[0];
}

/* Its feeder may have ended with the others, by now. */
static void look_after_dog(void *arg)
{
	struct pvk_err err = { .text = "" };
	struct run *run = arg;
	int ret = update_dog_look(&run->dog, run->pivot, run->session,
				  run->update->conf.watchdog, &err);

	if (ret > 0)
		say(run, "%s has lost its feeder, and is ours", run->dog.watchdog->name);
	else if (ret < 0)
		say(run, "%s: %s", run->dog.watchdog->name, err.text);
}

/*
 * Process 1 can't take it back any more. pvkit-update finds that, and lets the old system go
 * on with its init.
 */
static void stop_late(struct run *run)
{
	char path[PATH_MAX];
	FILE *file = fopen(path_in_ram(run, PLAN_ABORTED, path), "we");
	bool failed = !file || fprintf(file, "%s\n", run->why) < 0;

	if (file)
		failed |= fclose(file) != 0;
	if (failed)
		say(run, "can't be stopped any more (%s): %s", run->why, path);
	else
		say(run, "stopped (%s): the system goes down, and begins anew as it was",
		    run->why);
}

/* The dog is fed, and whoever wants it stopped is heard, once. */
static void look_while_ending(void *arg)
{
	struct run *run = arg;
	bool was = run->why[0];

	look_after_dog(run);
	if (!was && !go_on(run) && run->gone)
		stop_late(run);
}

/* ---- the way back ---- */

static void take_back(struct run *run)
{
	struct pvk_err err = { .text = "" };

	if (run->prepared && pvk_handover_undo(&run->handover, &err))
		cli_complain("update", "%s", err.text);
	run->prepared = false;
	update_dog_leave(&run->dog);
	if (run->log)
		fclose(run->log);
	run->log = NULL;
	if (run->mounted && pvk_handover_show(run->update->conf.ram, false, &err))
		cli_complain("update", "%s", err.text);
	if (run->mounted && pvk_stage_take_down(run->update->conf.ram))
		cli_complain("update", "%s: %s", run->update->conf.ram, strerror(errno));
	run->mounted = false;
	end_session(run);
}

static int stopped(struct run *run)
{
	say(run, "stopped (%s), all is as it was", run->why);
	return CLI_ABORTED;
}

/* ---- RAM ---- */

static int make_dirs(const char *dir, struct pvk_err *err)
{
	char path[PATH_MAX], *slash;

	snprintf(path, sizeof(path), "%s/", dir);
	for (slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0755) && errno != EEXIST)
			return pvk_err_set(err, -errno, "%s: %s", path, strerror(errno));
		*slash = '/';
	}
	return 0;
}

static int make_ram(struct run *run, struct pvk_err *err)
{
	struct update *update = run->update;
	char path[PATH_MAX];
	int ret;

	ret = make_dirs(update->conf.ram, err);
	if (!ret)
		ret = pvk_stage_make(update->stage, update->conf.ram, &update->plan, err);
	if (ret)
		return ret;
	run->mounted = true;
	ret = pvk_handover_show(update->conf.ram, false, err);
	if (ret)
		return ret;
	run->log = fopen(path_in_ram(run, "/update/log", path), "ae");
	say(run, "%u files in RAM", update->plan.files);
	return 0;
}

static int try_programs(struct run *run, struct pvk_err *err)
{
	struct update *update = run->update;
	size_t checks = update->checks, i;

	update_try(update, update->conf.ram);
	for (i = checks; i < update->checks; i++)
		if (update->check[i].result == UPDATE_FAILED)
			return pvk_err_set(err, -ENOEXEC, "%s: %s", update->check[i].subject,
					   update->check[i].text);
	return 0;
}

/* One that fails is told last. */
static int judge_copies(struct run *run, const struct update_copies *copies, struct pvk_err *err)
{
	struct update *update = run->update;
	size_t checks = update->checks, i;
	const struct update_check *check;
	int ret = 0;

	update_judge_copies(update, copies);
	for (i = checks; i < update->checks; i++) {
		check = &update->check[i];
		if (check->result == UPDATE_FAILED)
			ret = pvk_err_set(err, -EKEYREJECTED, "%s: %s: %s", check->name,
					  check->subject, check->text);
		else
			say(run, "%s: %s: %s", check->name, check->subject, check->text);
	}
	return ret;
}

static bool never(void *arg)
{
	(void)arg;
	return false;
}

/* The programs are tried meanwhile. */
static int copy_images(struct run *run, struct update_copies *copies, struct pvk_err *err)
{
	struct pvk_err unused = { .text = "" };
	struct update_task copying;
	char path[PATH_MAX];
	int ret, tried = 0;

	say(run, "copying %zu %s to %s", run->update->images,
	    run->update->images > 1 ? "images" : "image",
	    update_has_state(run->update) ? run->update->conf.state_device : "RAM");
	ret = update_copy_begin(run->update, path_in_ram(run, "/update", path), &copying, err);
	if (ret)
		return ret;
	if (run->mounted)
		tried = try_programs(run, err);
	ret = update_copy_end(&copying, tried ? never : go_on, run, copies, tried ? &unused : err);
	if (!tried && !ret)
		ret = judge_copies(run, copies, err);
	if (tried || ret)
		return tried ? tried : ret;
	return update_make_plan(run->update, copies, &run->plan, err);
}

/* Both places: RAM is where it is carried out, the state is what is resumed from. */
static int write_plan(struct run *run, struct pvk_err *err)
{
	pvk_auto_close int dir = -1;
	char path[PATH_MAX];
	int ret = 0;

	if (run->mounted) {
		dir = open(path_in_ram(run, "/update", path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ret = dir < 0 ? pvk_err_set(err, -errno, "%s: %s", path, strerror(errno)) :
				plan_write(&run->plan, dir, "plan", err);
	}
	if (!ret && update_has_state(run->update))
		ret = update_leave_plan(run->update, &run->plan, err);
	return ret;
}

/* ---- handing over ---- */

static int write_inittab(struct run *run, struct pvk_err *err)
{
	pvk_auto_buf struct pvk_buf text = PVK_BUF_INIT(INITTAB_MAX);
	const char *ram = run->update->conf.ram;
	pvk_auto_free char *old = NULL;
	pvk_auto_close int dir = -1;
	char program[2 * PATH_MAX], plan[PATH_MAX], path[PATH_MAX];
	const struct pvk_handover_words words = {
		.program = program, .plan = path_in_ram(run, PLAN_FILE, plan),
		.gate = { run->gate[PVK_TURN_FIRST], run->gate[PVK_TURN_LAST] },
	};
	int ret;

	snprintf(program, sizeof(program), "%s%s", ram, run->update->program);
	ret = pvk_read_file(AT_FDCWD, PVK_HANDOVER_INITTAB, INITTAB_MAX, &old, NULL);
	if (!ret)
		ret = pvk_handover_inittab(old, &words, &text);
	dir = open(path_in_ram(run, "/update", path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!ret)
		ret = dir < 0 ? -errno : pvk_replace_file(dir, "inittab", "inittab~", text.data,
							  text.len, 0600);
	return ret ? pvk_err_set(err, ret, "the inittab: %s", strerror(-ret)) : 0;
}

/* As early as it can be taken back: busybox takes its time to read it. */
static int prepare_init(struct run *run, struct pvk_err *err)
{
	int ret = 0;

	run->handover = (struct pvk_handover){
		.init = run->update->init,
		.inittab = path_in_ram(run, "/update/inittab", run->inittab),
		.gate = {
			path_in_ram(run, "/update/gate-first", run->gate[PVK_TURN_FIRST]),
			path_in_ram(run, "/update/gate-last", run->gate[PVK_TURN_LAST]),
		},
		.term = run->update->conf.term,
		.say = say_text,
		.look = look_while_ending,
		.arg = run,
		PVK_HANDOVER_NONE
	};
	if (run->update->init == PVK_INIT_BUSYBOX)
		ret = write_inittab(run, err);
	if (!ret)
		ret = pvk_handover_prepare(&run->handover, err);
	run->prepared = !ret;
	return ret;
}

/* What it has not read by now it may never read, nor does it hear anything else then. */
static int await_init(struct run *run, struct pvk_err *err)
{
	int64_t end = pvk_now_ms() + READ_SECONDS * INT64_C(1000);

	while (!pvk_handover_was_read(&run->handover, LOOK_MS)) {
		if (!go_on(run))
			return -ECANCELED;
		if (pvk_now_ms() >= end)
			return pvk_err_set(err, -ETIMEDOUT, "process 1 has not read its inittab "
					   "for %d s: it waits for one that it has started "
					   "(sysinit, wait)", READ_SECONDS);
	}
	return 0;
}

/* What is ignored stays so in a program: its processes would not hear that they are to end. */
static void restore_signals(void)
{
	static const int ignored[] = { SIGHUP, SIGPIPE, SIGTERM };
	size_t i;

	for (i = 0; i < PVK_ARRAY_SIZE(ignored); i++)
		(void)signal(ignored[i], SIG_DFL);
}

/* One of `stop`: within the limit, and what it leaves behind is asked to end with all others. */
static void run_stop(struct run *run, const char *command)
{
	int64_t end = pvk_now_ms() + run->update->conf.term * INT64_C(1000);
	pid_t pid, ended = -1;
	int status = 0;

	say(run, "stop: %s", command);
	fflush(NULL);
	pid = fork();
	if (!pid) {
		restore_signals();
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	while (pid > 0 && !(ended = waitpid(pid, &status, WNOHANG)) && pvk_now_ms() < end) {
		look_while_ending(run);
		poll(NULL, 0, LOOK_MS);
	}
	if (!ended)
		say(run, "stop: %s: has not ended for %u s", command, run->update->conf.term);
	else if (pid < 0 || status)
		say(run, "stop: %s: did not go well", command);
}

static void on_time(int sig)
{
	(void)sig;
}

/* It is long, so it is waited for, but not without end: each write gets a signal then. */
static void report_within(const struct run *run)
{
	static const struct itimerval time = {
		.it_value.tv_sec = REPORT_SECONDS, .it_interval.tv_sec = 1,
	}, none = { .it_value.tv_sec = 0 };
	struct sigaction action = { .sa_handler = on_time };

	(void)sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &time, NULL);
	update_report(run->cli, run->update, true);
	fflush(stdout);
	setitimer(ITIMER_REAL, &none, NULL);
}

/* From here on there is nobody who could be told but the log. */
static void tell_terminal(struct run *run)
{
	char told = HANDED_OVER;

	if (run->cli->json)
		report_within(run);
	pvk_handover_leave_terminal(STDOUT_FILENO);
	if (write(run->told, &told, 1) != 1)
		say(run, "nobody waits on a terminal");
	close(run->told);
}

/* What is under `shutdown` has its time, but not all of it. */
static bool await_turn(struct run *run, enum pvk_handover_turn turn)
{
	int64_t end = pvk_now_ms() + GO_SECONDS * INT64_C(1000);

	while (!pvk_handover_is_turn(&run->handover, turn, LOOK_MS)) {
		look_while_ending(run);
		if (pvk_now_ms() < end)
			continue;
		say(run, "process 1 is not through with what its inittab has under shutdown "
		    "for %d s: that is ended", GO_SECONDS);
		return false;
	}
	return true;
}

static void run_stops(struct run *run)
{
	unsigned int i;

	for (i = 0; i < run->update->conf.stops && (run->gone || go_on(run)); i++)
		run_stop(run, run->update->conf.stop[i]);
}

/* Process 1 waits for us; or for another one, which has to end so that it goes on. */
static void end_busybox(struct run *run)
{
	bool heard = await_turn(run, PVK_TURN_FIRST);

	run_stops(run);
	pvk_handover_let_go(&run->handover, PVK_TURN_FIRST);
	heard = heard && await_turn(run, PVK_TURN_LAST);
	pvk_handover_end_others(&run->handover);
	if (!heard)
		pvk_handover_kill_others(&run->handover);
}

/* Process 1 ends us. Should it not, a watchdog is to find that. */
static int await_end(struct run *run)
{
	int64_t end = pvk_now_ms() + GO_SECONDS * INT64_C(1000);

	while (pvk_now_ms() < end) {
		look_while_ending(run);
		poll(NULL, 0, LOOK_MS);
	}
	say(run, "process 1 has not come to its end for %d s", GO_SECONDS);
	return CLI_FAILED;
}

static int carry_on_busybox(struct run *run)
{
	end_busybox(run);
	/* Those who have it stopped may be the last ones to end. */
	look_while_ending(run);
	/* The session is pvkit-update's next. Nobody else is there to take it. */
	end_session(run);
	pvk_handover_let_go(&run->handover, PVK_TURN_LAST);
	return await_end(run);
}

/* It takes what its units take, and can be told to forget it up to its last step. */
static int carry_on_systemd(struct run *run)
{
	int64_t end = pvk_now_ms() + GO_SECONDS * INT64_C(1000);

	while (go_on(run)) {
		look_after_dog(run);
		poll(NULL, 0, LOOK_MS);
		if (end && pvk_now_ms() >= end) {
			say(run, "systemd has not stopped all of its units for %d s", GO_SECONDS);
			end = 0;
		}
	}
	run->gone = false;
	say(run, "stopped (%s): nothing is written, the system reboots into what it was", run->why);
	return CLI_ABORTED;
}

static int hand_over(struct run *run, struct pvk_err *err)
{
	enum pvk_update_init init = run->handover.init;
	int ret = await_init(run, err);

	/* It stops its units itself; busybox starts anew who was stopped, up to the hand-over. */
	if (!ret && init == PVK_INIT_SYSTEMD)
		run_stops(run);
	if (!ret && !go_on(run))
		ret = -ECANCELED;
	if (!ret)
		ret = pvk_handover_show(run->update->conf.ram, true, err);
	pvk_handover_leave_terminal(STDERR_FILENO);
	if (!run->cli->json)
		pvk_handover_leave_terminal(STDOUT_FILENO);
	if (!ret)
		ret = pvk_handover_go(&run->handover, err);
	if (ret)
		return ret;
	run->gone = true;
	(void)signal(SIGTERM, init == PVK_INIT_SYSTEMD ? SIG_DFL : SIG_IGN);
	say(run, "update %s: %s is handed over, the system goes down for it", run->plan.id,
	    pvk_handover_name(init));
	tell_terminal(run);
	return 0;
}

/* ---- by the next boot ---- */

/* Cursor 0: nothing of it is written yet. */
static int set_phase(const struct run *run, struct pvk_err *err)
{
	pvk_auto_list struct pvk_list warnings = { 0 };
	struct pvk_flagsources list = { .count = 0 };
	const struct pvk_flagsource *source;
	char phase[PLAN_PHASE_SIZE];
	struct pvk_change change = { .force = true };
	struct pvk_flagconf conf;
	struct pvk_bf *bf = NULL;
	int ret;

	ret = pvk_flagconf_read(&conf, PVK_FLAGCONF_FILE, err);
	if (!ret && pvk_bf_open(&bf, NULL, NULL, NULL))
		bf = NULL;
	if (!ret)
		ret = pvk_flagsources_read(&list, &conf, bf, err);
	if (!ret)
		ret = pvk_flags_set(&change.set, PVB_PHASE, plan_phase(&run->plan, phase), err);
	if (!ret)
		ret = pvk_flags_set_number(&change.set, PVB_CURSOR, 0, err);
	source = update_phase_store(&list);
	if (!ret && !source)
		ret = pvk_err_set(err, -ENODEV, "no store holds phase and cursor");
	if (!ret)
		ret = pvk_flagsource_set(source, &conf, bf, &change, PVK_SET_TIMEOUT_MS, &warnings,
					 err);
	pvk_flagsources_free(&list);
	pvk_bf_close(bf);
	return ret;
}

static int ask_for_reboot(const struct run *run, struct pvk_err *err)
{
	pid_t pid;

	if (run->update->has_init)
		return kill(1, run->update->init == PVK_INIT_SYSTEMD ? SIGRTMIN + 5 : SIGTERM) ?
		       pvk_err_set(err, -errno, "process 1: %s", strerror(errno)) : 0;
	pid = fork();
	if (!pid) {
		execlp("reboot", "reboot", NULL);
		_exit(127);
	}
	return pid < 0 ? pvk_err_set(err, -errno, "reboot: %s", strerror(errno)) : 0;
}

static int leave_to_next_boot(struct run *run, struct pvk_err *err)
{
	int ret = set_phase(run, err);

	if (ret)
		return ret;
	say(run, "update %s: the next boot writes it, the system reboots", run->plan.id);
	(void)signal(SIGTERM, SIG_DFL);
	tell_terminal(run);
	return ask_for_reboot(run, err);
}

/* ---- all of it ---- */

static int prepare(struct run *run, struct pvk_err *err)
{
	static struct update_copies copies;
	bool ram = !run->update->recovery;
	int ret = ram ? make_ram(run, err) : 0;

	if (!ret && ram)
		ret = prepare_init(run, err);
	if (!ret)
		ret = copy_images(run, &copies, err);
	if (!ret)
		ret = write_plan(run, err);
	if (!ret && !go_on(run))
		ret = -ECANCELED;
	return ret;
}

static int carry_out(struct run *run)
{
	struct pvk_err err = { .text = "" };
	int status, ret = prepare(run, &err);

	if (!ret)
		ret = run->update->recovery ? leave_to_next_boot(run, &err) :
					      hand_over(run, &err);
	if (!ret && run->gone)
		return run->handover.init == PVK_INIT_BUSYBOX ? carry_on_busybox(run) :
								carry_on_systemd(run);
	if (!ret)
		return await_end(run);
	/* A signal may have kept something from its end, which is no failure of its own. */
	status = ret == -ECANCELED || !go_on(run) ? stopped(run) : fail(run, &err);
	/* Not what was meant, and so no more than another check. */
	if (ret == -EKEYREJECTED)
		status = CLI_REFUSED;
	if (run->cli->json)
		update_report(run->cli, run->update, false);
	return status;
}

static int work(struct run *run)
{
	int status = begin_session(run);

	if (status)
		return status;
	update_check_all(run->update);
	if (run->update->failed) {
		status = update_report(run->cli, run->update, false);
		status = status ? status : CLI_REFUSED;
	} else if (!go_on(run)) {
		status = stopped(run);
	} else {
		if (!run->cli->json)
			update_report(run->cli, run->update, false);
		status = carry_out(run);
	}
	if (!run->gone)
		take_back(run);
	plan_free(&run->plan);
	pvk_pivot_close(run->pivot);
	return status;
}

/* Until it is handed over, or has failed. Ctrl-C is passed on. */
static int wait_for(pid_t pid, int told)
{
	struct pollfd fd = { .fd = told, .events = POLLIN };
	int status = 0;
	char word = 0;

	while (poll(&fd, 1, LOOK_MS) <= 0)
		if (stop_signal)
			kill(pid, stop_signal);
	if (read(told, &word, 1) == 1 && word == HANDED_OVER)
		return CLI_OK;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : CLI_FAILED;
}

int update_run(struct cli *cli, struct update *update)
{
	struct run run = {
		.cli = cli, .update = update, .session = -1,
		.dog = { .watchdog = &update->watchdog, .fd = -1 },
	};
	int ends[2], status;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return cli_fail("update", -errno, NULL);
	take_signals();
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return cli_fail("update", -errno, NULL);
	if (pid) {
		close(ends[1]);
		return wait_for(pid, ends[0]);
	}
	close(ends[0]);
	run.told = ends[1];
	setsid();
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	status = work(&run);
	/* A report that goes to a file or a pipe is still in its buffer. */
	fflush(NULL);
	_exit(status);
}
