/* The commands, their options and their help: data alone, so that what makes the manual needs no more than this. */
#include "cli/options.h"

#include <stddef.h>

/* The member that an option sets, which has to be of the type that its kind sets: other pointers do not compare. */
#define MEMBER(type, member) (offsetof(lsn_options, member) + 0 * sizeof((type *)0 == &((lsn_options *)0)->member))
#define FLAG(member) VALUE_NONE, MEMBER(bool, member), 0
#define TEXT(member) VALUE_TEXT, MEMBER(const char *, member), 0
#define TEXTS(member) VALUE_TEXTS, MEMBER(lsn_texts, member), 0
#define SETTING(member) VALUE_SETTING, MEMBER(lsn_texts, member), 0
#define CHOICE(member) VALUE_CHOICE, MEMBER(int, member), 0
#define COUNT(member, most) VALUE_COUNT, MEMBER(int32_t, member), most
#define COUNTS(member, most) VALUE_COUNTS, MEMBER(lsn_counts, member), most
#define WHOLE(member) VALUE_WHOLE, MEMBER(int64_t, member), 0
#define SIZE(member) VALUE_SIZE, MEMBER(size_t, member), 0
#define INTERVAL(member) VALUE_INTERVAL, MEMBER(double, member), 0
#define SHARD(member) VALUE_SHARD, MEMBER(struct lsn_shard, member), 0
#define DEADLINE(member) VALUE_DEADLINE, MEMBER(double, member), 0
#define FAULTS(member) VALUE_FAULTS, MEMBER(lsn_faults, member), 0
#define TIMES(member) VALUE_TIMES, MEMBER(int32_t, faults.member), 1000000
#define SPREAD(member) VALUE_SPREAD, MEMBER(double, faults.member), 0
#define MOMENT(member) VALUE_MOMENT, MEMBER(double, faults.member), 0

/* clang-format off */

#define HELP {"help", 'h', NULL, "print this", VALUE_NONE, 0, 0}, {0}
#define SET {"set", 0, "KEY=VALUE", "replace a value of the study, as in --set data.take.count=100 (repeatable)", SETTING(set)}
#define THREADS(help) {"threads", 0, "N", help "; default: 1", COUNT(sweep.threads, 1024)}

/* Faults: what goes on even where none is asked for. */
const lsn_options lsn_default_options = {
    .sample = 8,
    .seed = 1,
    .sheet_images = 48,
    .deadline_s = -1,
    .faults = {.silence_s = 120, .noise = 0.05, .start_s = 5, .delay_s = 1e-3, .serve_s = 1e-4, .notice_s = 30, .give_up_s = 60},
};

static const lsn_option run_options[] = {
    {"db", 0, "FILE", "the database; default: results/<study>.db", TEXT(database)},
    SET,
    {"shard", 0, "I/N", "compute share I of N only, 1 to N; default database: results/<study>.I-of-N.db. 'lesion merge' "
     "combines them", SHARD(shard)},
    {"deadline", 0, "T", "begin nothing that would not end within T (90s, 5m, 1h30m), or none; default: a minute before "
     "SLURM ends the job ($SLURM_JOB_END_TIME)", DEADLINE(deadline_s)},
    {"max-failures", 0, "N", "end when more than N ablations cannot be computed", COUNT(sweep.max_failures, 0)},
    {"fail-fast", 0, NULL, "end when one cannot", FLAG(sweep.fail_fast)},
    {"memory", 0, "SIZE", "most memory of each rank, its equal part of the node's weights included (500M, 2G); default: "
     "an equal part of what the node has free", SIZE(sweep.memory_bytes)},
    THREADS("threads of each computing rank"),
    {"fresh", 0, NULL, "begin anew; an existing database is kept as FILE.old", FLAG(sweep.fresh)},
    {"steal-lock", 0, NULL, "take the database over from a run on another host that seems dead: its heartbeat is watched "
     "for two minutes, and must stand still", FLAG(sweep.steal_lock)},
    {"retry", 0, NULL, "try again ablations that were given up because runs died of them", FLAG(sweep.retry)},
    {"quiet", 0, NULL, "no progress and no tables, only messages", FLAG(quiet)},
    HELP,
};

static const lsn_option plan_options[] = {
    {"ranks", 0, "N,...", "numbers of worker ranks to estimate for; default: 1,2,4,...,64", COUNTS(ranks, 10000000)},
    {"shards", 0, "N", "how evenly the study is dealt to N shards (run --shard)", COUNT(shards, 0)},
    {"jobs", 0, NULL, "list the jobs instead, one a line; reads all images, which the keys cover, and passes the "
     "calibration images where filters are ranked by activations", FLAG(jobs)},
    SET,
    HELP,
};

static const lsn_option simulate_options[] = {
    {"ranks", 0, "N,...", "numbers of worker ranks, up to 100000; default: 1,10,...,10000", COUNTS(ranks, 100000)},
    {"faults", 0, "SPEC", "what goes wrong, as in deaths=3,silent=2,speed=0.2,stop=1h:", FAULTS(faults)},
    {"deaths", PART, "N", "workers that die at random moments", TIMES(deaths)},
    {"silent", PART, "N", "times that a worker falls silent", TIMES(silences)},
    {"silence", PART, "T", "for so long on average (2m)", MOMENT(silence_s)},
    {"notice", PART, "T", "after which that is noticed (30s)", MOMENT(notice_s)},
    {"lost", PART, "T", "after which it is taken for a death (60s)", MOMENT(give_up_s)},
    {"refused", PART, "N", "units that a worker refuses at random moments", TIMES(refusals)},
    {"sick", PART, "N", "workers that refuse everything", TIMES(sick)},
    {"poison", PART, "N", "ablations that kill whoever computes them", TIMES(poisons)},
    {"fatal", PART, "N", "ablations that kill all ranks, and rank 0, when one computes them", TIMES(fatal)},
    {"broken", PART, "N", "ablations that nobody can compute", TIMES(broken)},
    {"restarts", PART, "N", "times that rank 0 dies, and the study is continued from its database", TIMES(restarts)},
    {"speed", PART, "X", "standard deviation of the logarithm of the workers' speeds (0)", SPREAD(spread)},
    {"noise", PART, "X", "the same of a unit's duration (0.05)", SPREAD(noise)},
    {"start", PART, "T", "the workers begin within that time (5s)", MOMENT(start_s)},
    {"delay", PART, "T", "that a message takes (1ms)", MOMENT(delay_s)},
    {"serve", PART, "T", "that rank 0 takes over a message (100us)", MOMENT(serve_s)},
    {"stop", PART, "T", "nothing is begun that would not end by then", MOMENT(stop_s)},
    {"seed", 0, "S", "the same seed plays the same history; default: 1", WHOLE(seed)},
    SET,
    HELP,
};

static const lsn_option eval_options[] = {
    {"ablate", 0, "LAYER:LIST", "remove these filters, as in conv3_1:0,5,8..15 or conv3_1:all (repeatable)", TEXTS(ablate)},
    {"mode", 0, "zero|mean|resample|noise", "what removed filters give; default: zero. The last two may have a seed: "
     "noise:7", TEXT(mode)},
    {"logits", 0, "FILE.npy", "write the logits, [images][classes] float32, in the study's order", TEXT(logits)},
    {"memory", 0, "SIZE", "most memory, besides the weights as read (500M, 2G)", SIZE(sweep.memory_bytes)},
    THREADS("threads that compute"),
    SET,
    HELP,
};

static const lsn_option status_options[] = {
    {"watch", 0, "[T]", "again every T (default: 2s) until the run ends; on a terminal in place, elsewhere a line each "
     "time and the whole at the end", INTERVAL(watch_s)},
    {"format", 0, "table|json", "default: table; json: one object a line", CHOICE(format)},
    {"findings", 0, NULL, "print what the study has found so far, too", FLAG(findings)},
    HELP,
};

static const lsn_option export_options[] = {
    {"view", 0, "NAME", "default: job_result", TEXT(view)},
    {"list", 0, NULL, "name the views and tables instead, and what they hold", FLAG(list)},
    {"format", 0, "csv|jsonl", "default: csv (RFC 4180: NULL is nothing, an empty text \"\"); jsonl: an object a line, with "
     "null, numbers, texts, and lists of filters", CHOICE(format)},
    {"output", 'o', "FILE", "default: standard output", TEXT(output)},
    HELP,
};

static const lsn_option merge_options[] = {
    {"output", 'o', "DB", "the new database; it appears when all is done", TEXT(output)},
    {"force", 0, NULL, "where it is there already, keep that one as DB.old", FLAG(force)},
    {"quiet", 0, NULL, "no tables, only messages", FLAG(quiet)},
    HELP,
};

static const lsn_option verify_options[] = {
    {"study", 0, "STUDY", "the study file, where it is not where the last run found it", TEXT(study)},
    {"sample", 0, "N", "compute N ablations again; default: 8; 0: none", WHOLE(sample)},
    {"all", 0, NULL, "all that are done", FLAG(all)},
    {"seed", 0, "S", "of the sample; default: 1", WHOLE(seed)},
    {"memory", 0, "SIZE", "as for run", SIZE(sweep.memory_bytes)},
    THREADS("as for run"),
    HELP,
};

static const lsn_option diff_options[] = {
    {"format", 0, "table|csv|jsonl", "default: table; csv and jsonl: a row for each job of both", CHOICE(format)},
    {"unmatched", 0, NULL, "list the jobs that only one of them has", FLAG(unmatched)},
    HELP,
};

static const lsn_option report_options[] = {
    {"output", 'o', "FILE", "the page; default: the database's name with .html", TEXT(output)},
    {"figures", 0, "DIR", "write the figures there too, each as SVG and PDF for paper", TEXT(figures)},
    HELP,
};

static const lsn_option inspect_options[] = {
    {"input", 0, "HxW", "the images' size, for a weights file; default: the size for which the network's average pooling "
     "changes nothing (without convolutions, a square image of as many values as the first layer takes)", TEXT(input)},
    {"sheet", 0, "FILE.png", "draw the images of a study as the network sees them, with their classes", TEXT(sheet)},
    {"sheet-images", 0, "N", "at most so many, evenly spread over all; default: 48", COUNT(sheet_images, 1000)},
    THREADS("threads that decode images"),
    SET,
    HELP,
};

const lsn_command lsn_commands[N_COMMANDS] = {
[COMMAND_RUN] = {
    "run", "run a study, or continue it", "STUDY", "one study file", 1, 1, true,
    "Runs a study, or continues it where its database holds a part. Under mpirun or srun rank 0 coordinates and the other "
    "ranks compute, so RANKS is the number of cores plus one; alone, one process does both.",
    "USR1 finishes the units in hand and stops; INT and TERM stop at once. Either way what is stored stays, and the same "
    "command continues.\n"
    "Exit codes: 0 complete, 1 failed (I/O, storage, MPI), 2 usage, 3 invalid study, model or data, 4 complete but some "
    "jobs failed, 75 stopped early.", run_options},
[COMMAND_PLAN] = {
    "plan", "count a study's jobs and estimate its time", "STUDY", "one study file", 1, 1, false,
    "Counts the jobs of a study and the work they need, and estimates the time by a measurement of about a second on this "
    "machine. Nothing is run or stored.", NULL, plan_options},
[COMMAND_SIMULATE] = {
    "simulate", "play a study with many virtual ranks, and faults", "STUDY", "one study file", 1, 1, false,
    "Plays a study with virtual worker ranks, in virtual time, by the scheduler that runs it: how long it takes, how well "
    "the ranks are used, what is lost when things go wrong. What the work takes is measured for about a second on this "
    "machine. Nothing is run or stored.", NULL, simulate_options},
[COMMAND_EVAL] = {
    "eval", "evaluate one ablation on a study's images", "STUDY", "one study file", 1, 1, false,
    "Evaluates one ablation (none given: the intact network) on the study's images and prints its metrics. Nothing is "
    "stored.", NULL, eval_options},
[COMMAND_STATUS] = {
    "status", "see how far a study is", "DB", "one database", 1, 1, false,
    "Prints how far the study in a database is: work done by experiment, speed, time left, ranks, failures, runs; and "
    "whether a run that has not ended is alive. May be used while the study runs, from any host; the run is not disturbed.",
    "Exit codes: 0; with --watch how the run ended: 0 complete, 4 complete but some jobs failed, 75 stopped early, 1 "
    "failed or dead.", status_options},
[COMMAND_EXPORT] = {
    "export", "write a table or view as CSV or JSON Lines", "DB", "one database", 1, 1, false,
    "Writes a view or table of a database, a line a row. May be used while the study runs. docs/results.md describes them "
    "all.", NULL, export_options},
[COMMAND_MERGE] = {
    "merge", "combine databases of one study", "DB... -o DB", "the databases to combine, and -o DB", 1, INT32_MAX, false,
    "Combines databases of one study in a new one: shards (run --shard), runs on several machines, copies that were "
    "continued. They must be of the same weights, images, metrics and kernels; one may have more jobs than the others. "
    "What is in several of them must be the same to the bit: a contradiction is refused, with the job and both values. The "
    "result is that of an undisturbed run, and can be continued by 'lesion run STUDY --db DB'.",
    "Exit codes: 0 all jobs are done; 4 all are done but those that failed; 75 merged, but jobs are left to compute; 1 "
    "failed; 2 usage; 3 the databases do not fit together.", merge_options},
[COMMAND_VERIFY] = {
    "verify", "check a database, and compute a sample again", "DB", "one database", 1, 1, true,
    "Checks a database: the file, whether its rows fit together, whether weights and images are still those of its "
    "results; then computes the baseline and a random sample of what is done again, by the same kernels, and compares "
    "every bit.",
    "Exit codes: 0 all is as it should be; 1 something is not, each difference on a line; 2 usage; 3 no Lesion database, "
    "or the study cannot be read; 75 stopped early.", verify_options},
[COMMAND_DIFF] = {
    "diff", "compare two databases of the same jobs", "A B", "two databases", 2, 2, false,
    "Compares two databases of the same jobs, of two checkpoints say: the baseline, and which ablations do another damage "
    "in B than in A. Jobs are matched by experiment, filters, mode and seeds. Where both keep results for the same images "
    "(metrics: [images]) the comparison is paired image by image. q is corrected within each experiment "
    "(Benjamini-Hochberg).", NULL, diff_options},
[COMMAND_REPORT] = {
    "report", "draw what a study found, as one HTML page", "DB", "one database", 1, 1, false,
    "Writes what a study found as one HTML page: what was studied, the findings in words, figures with how to read them, "
    "and tables that can be sorted and filtered. The page needs nothing but itself. May be used while the study runs.",
    "Figures are drawn by gnuplot (5.2 or later). Without it the page has words and tables.", report_options},
[COMMAND_INSPECT] = {
    "inspect", "look at a network's layers or a study's images", "WEIGHTS|STUDY", "one weights file or study file", 1, 1,
    false,
    "Prints the layer table of a network, or (for a file that ends in .yaml or .yml) the network and the images of a "
    "study: classes, formats, sizes, and which cannot be read. Weights are safetensors files, or checkpoints of torch.save "
    "(.pth, .pt; of PyTorch 0.1.10 or later) with a state dict, of the VGG family or of a chain of fully connected layers. "
    "Batch normalisations are folded into the layers before them.", NULL, inspect_options},
};
