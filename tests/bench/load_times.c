// SPDX-License-Identifier: MIT
/*
 * load_times ROUNDS - how long loading and unloading takes, each way
 * libs: libkmod
 *
 * Each round has every way load and unload every subject once, and begins with
 * another way than the round before: what the machine does besides hits all
 * alike. The first round warms up and does not count.
 *
 * Much of what the kernel takes is waiting for RCU, ticks long. Where
 * /sys/kernel/rcu_expedited is 1 it is not, and samples are marked so.
 */
#include "ways.h"

struct sample {
	const struct subject *subject;
	const struct way *way;
	int64_t load_us;
	int64_t unload_us;
	uint32_t job_us;	/* pv_driver's own figure for the load */
	uint32_t unjob_us;
};

#define SAMPLES_MAX	(PVK_ARRAY_SIZE(subjects) * PVK_ARRAY_SIZE(ways))

static struct sample samples[SAMPLES_MAX];
static size_t n_samples;
static const char *rcu;

static unsigned int rounds;

static void read_stats(struct bench *bench, struct sample *sample)
{
	struct pvk_driver driver;
	struct pvk_err err;

	if (pvk_drv_driver_get(bench->drv, sample->subject->name, 0, &driver, &err))
		die("driver %s: %s", sample->subject->name, err.text);
	sample->job_us = driver.stats.load_us;
	sample->unjob_us = driver.stats.unload_us;
	pvk_driver_free(&driver);
}

static void measure(struct bench *bench, struct subject *subject, const struct way *way,
		    unsigned int round)
{
	struct sample *sample = &samples[n_samples++];
	unsigned int before = count_resident();
	int64_t start;

	*sample = (struct sample){ .subject = subject, .way = way };
	http_freshen(&bench->http);
	settle(round, rounds);
	start = now_us();
	way->act(bench, subject, true);
	sample->load_us = now_us() - start;
	check_same_work(subject, way->name, true, before);
	settle(round, rounds);
	start = now_us();
	way->act(bench, subject, false);
	sample->unload_us = now_us() - start;
	check_same_work(subject, way->name, false, before);
	read_stats(bench, sample);
}

static void measure_all(struct bench *bench, unsigned int round, bool agent)
{
	const struct way *way;
	size_t s, w;

	for (s = 0; s < PVK_ARRAY_SIZE(subjects); s++) {
		for (w = 0; w < PVK_ARRAY_SIZE(ways); w++) {
			way = &ways[(w + round) % PVK_ARRAY_SIZE(ways)];
			if (agent != !(way->flags & WAY_NO_AGENT))
				continue;
			if (way->flags & WAY_LINES && subjects[s].n_lines == 1)
				continue;
			measure(bench, &subjects[s], way, round);
		}
	}
}

static void print_sample(const struct sample *sample, const char *op, int64_t us,
			 uint32_t job_us)
{
	printf("{\"kind\":\"load\",\"subject\":\"%s\",\"modules\":%u,\"op\":\"%s\","
	       "\"way\":\"%s\",\"rcu\":\"%s\",\"us\":%lld,\"job_us\":%u}\n",
	       sample->subject->name, sample->subject->n_modules, op, sample->way->name, rcu,
	       (long long)us, job_us);
}

static void print_samples(void)
{
	size_t i;

	for (i = 0; i < n_samples; i++) {
		print_sample(&samples[i], "load", samples[i].load_us, samples[i].job_us);
		print_sample(&samples[i], "unload", samples[i].unload_us, samples[i].unjob_us);
	}
}

static const char *read_rcu(void)
{
	pvk_auto_close int fd = open("/sys/kernel/rcu_expedited", O_RDONLY | O_CLOEXEC);
	char c = '0';

	if (fd < 0 || read(fd, &c, 1) != 1)
		die("/sys/kernel/rcu_expedited can't be read");
	return c == '0' ? "normal" : "expedited";
}

static void print_modules(void)
{
	size_t s, i;

	for (s = 0; s < PVK_ARRAY_SIZE(subjects); s++) {
		printf("# %s:", subjects[s].name);
		for (i = 0; i < subjects[s].n_modules; i++)
			printf(" %s", subjects[s].module[i]);
		puts("");
	}
}

int main(int argc, char **argv)
{
	struct bench bench = { 0 };
	int64_t start = now_us();
	unsigned int round;

	rounds = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 0;
	if (!rounds)
		die("how many rounds?");
	rcu = read_rcu();
	bench_set_up(&bench);
	print_modules();
	for (round = 0; round <= rounds; round++) {
		n_samples = 0;
		stop_agent(bench.drv, bench.agent);
		measure_all(&bench, round, false);
		bench.agent = start_agent(bench.drv);
		measure_all(&bench, round, true);
		if (round)
			print_samples();
		printf("# round %u of %u, %lld s\n", round, rounds,
		       (long long)(now_us() - start) / 1000000);
		fflush(stdout);
	}
	bench_tear_down(&bench);
	return 0;
}
