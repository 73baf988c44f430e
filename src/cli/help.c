#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#define SET_HELP "  --set KEY=VALUE   replace a value of the study, as in --set data.take.count=100 (repeatable)\n"
#define HELP_HELP "  -h, --help        print this\n"

static const struct {
    const char *command, *text;
} texts[] = {
    {"run", "usage: lesion run STUDY [OPTION]...\n"
            "       mpirun -n RANKS lesion run STUDY [OPTION]...\n\n"
            "Runs a study, or continues it where its database holds a part. Under mpirun or srun\n"
            "rank 0 coordinates and the other ranks compute, so RANKS is the number of cores plus\n"
            "one; alone, one process does both.\n\n"
            "  --db FILE         the database; default: results/<study>.db\n" SET_HELP
            "  --shard I/N       compute share I of N only, 1 to N; default database:\n"
            "                    results/<study>.I-of-N.db. 'lesion merge' combines them\n"
            "  --deadline T      begin nothing that would not end within T (90s, 5m, 1h30m)\n"
            "  --max-failures N  end when more than N ablations cannot be computed\n"
            "  --fail-fast       end when one cannot\n"
            "  --memory SIZE     most memory of each rank, its equal part of the node's weights\n"
            "                    included (500M, 2G); default: an equal part of what the node has free\n"
            "  --threads N       threads of each computing rank; default: 1\n"
            "  --method NAME     winograd (default), blas, or reference (plain loops, to check against)\n"
            "  --fresh           begin anew; an existing database is kept as FILE.old\n"
            "  --steal-lock      take the database over from a run on another host that seems dead:\n"
            "                    its heartbeat is watched for two minutes, and must stand still\n"
            "  --retry           take up again ablations that were left out because runs died of them\n"
            "  --quiet           no progress and no tables, only messages\n" HELP_HELP "\n"
            "USR1 finishes the units in hand and stops; INT and TERM stop at once. Either way what\n"
            "is stored stays, and the same command continues.\n\n"
            "Exit codes: 0 complete, 1 failed (I/O, storage, MPI), 2 usage, 3 invalid study, model or\n"
            "data, 4 complete but some jobs failed, 75 stopped early.\n"},
    {"plan",
     "usage: lesion plan STUDY [OPTION]...\n\n"
     "Counts the jobs of a study and the work they need, and estimates the time by a\n"
     "measurement of about a second on this machine. Nothing is run or stored.\n\n"
     "  --ranks N,...     numbers of worker ranks to estimate for; default: 1,2,4,...,64\n"
     "  --shards N        how evenly the study is dealt to N shards (run --shard)\n"
     "  --jobs            list the jobs instead, one a line; reads all images, which the keys cover, and\n"
     "                    passes the calibration images where filters are ranked by activations\n" SET_HELP HELP_HELP},
    {"simulate", "usage: lesion simulate STUDY [OPTION]...\n\n"
                 "Plays a study with virtual worker ranks, in virtual time, by the scheduler that runs it:\n"
                 "how long it takes, how well the ranks are used, what is lost when things go wrong. What\n"
                 "the work takes is measured for about a second on this machine. Nothing is run or stored.\n\n"
                 "  --ranks N,...     numbers of worker ranks, up to 100000; default: 1,10,...,10000\n"
                 "  --faults SPEC     what goes wrong, as in deaths=3,silent=2,speed=0.2,stop=1h:\n"
                 "      deaths=N      workers that die at random moments\n"
                 "      silent=N      times that a worker is not heard of, for silence=T (2m) on average\n"
                 "      notice=T      after which that is noticed (30s), lost=T: and taken for a death (60s)\n"
                 "      refused=N     units that a worker refuses at random moments\n"
                 "      sick=N        workers that refuse everything\n"
                 "      poison=N      ablations that kill whoever computes them\n"
                 "      broken=N      ablations that nobody can compute\n"
                 "      restarts=N    times that rank 0 dies, and the study is continued from its database\n"
                 "      speed=X       standard deviation of the logarithm of the workers' speeds (0)\n"
                 "      noise=X       the same of a unit's duration (0.05)\n"
                 "      start=T       the workers begin within that time (5s)\n"
                 "      delay=T       that a message takes (1ms), serve=T: and rank 0 over it (100us)\n"
                 "      stop=T        nothing is begun that would not end by then\n"
                 "  --seed S          the same seed plays the same history; default: 1\n" SET_HELP HELP_HELP},
    {"eval", "usage: lesion eval STUDY [OPTION]...\n\n"
             "Evaluates one ablation (none given: the intact network) on the study's images and\n"
             "prints its metrics. Nothing is stored.\n\n"
             "  --ablate LAYER:LIST   remove these filters, as in conv3_1:0,5,8..15 or conv3_1:all\n"
             "                        (repeatable)\n"
             "  --mode MODE           zero (default), mean, resample or noise; the last two with a seed: noise:7\n"
             "  --logits FILE.npy     write the logits, [images][classes] float32, in the study's order\n"
             "  --method NAME         winograd (default), blas or reference\n"
             "  --memory SIZE         most memory, besides the weights as read (500M, 2G)\n"
             "  --threads N           default: 1\n"
             "  --set KEY=VALUE       replace a value of the study (repeatable)\n"
             "  -h, --help            print this\n"},
    {"status", "usage: lesion status DB [OPTION]...\n\n"
               "Prints how far the study in a database is: work done by experiment, speed, time left,\n"
               "ranks, failures, runs; and whether a run that has not ended is alive. May be used while\n"
               "the study runs, from any host; the run is not disturbed.\n\n"
               "  --watch [T]       again every T (default: 2s) until the run ends; on a terminal in place,\n"
               "                    elsewhere a line each time and the whole at the end\n"
               "  --format FORMAT   table (default), or json: one object a line\n"
               "  --findings        print what the study has found so far, too\n" HELP_HELP "\n"
               "Exit codes: 0; with --watch how the run ended: 0 complete, 4 complete but some jobs\n"
               "failed, 75 stopped early, 1 failed or dead.\n"},
    {"merge", "usage: lesion merge DB... -o DB [OPTION]...\n\n"
              "Combines databases of one study in a new one: shards (run --shard), runs on several\n"
              "machines, copies that were continued. They must be of the same weights, images, metrics and\n"
              "method; one may have more jobs than the others. What is in several of them must be the same\n"
              "to the bit: a contradiction is refused, with the job and both values. The result is that of\n"
              "an undisturbed run, and can be continued by 'lesion run STUDY --db DB'.\n\n"
              "  -o, --output DB   the new database; it appears when all is done\n"
              "  --force           where it is there already, keep that one as DB.old\n"
              "  --quiet           no tables, only messages\n" HELP_HELP "\n"
              "Exit codes: 0 all jobs are done; 4 all are done but those that failed; 75 merged, but jobs are\n"
              "left to compute; 1 failed; 2 usage; 3 the databases do not fit together.\n"},
    {"verify", "usage: lesion verify DB [OPTION]...\n"
               "       mpirun -n RANKS lesion verify DB [OPTION]...\n\n"
               "Checks a database: the file, whether its rows fit together, whether weights and images are\n"
               "still those of its results; then computes the baseline and a random sample of what is done\n"
               "again, by the same method, and compares every bit.\n\n"
               "  --study STUDY     the study file, where it is not where the last run found it\n"
               "  --sample N        compute N ablations again; default: 8; 0: none\n"
               "  --all             all that are done\n"
               "  --seed S          of the sample; default: 1\n"
               "  --memory SIZE     as for run\n"
               "  --threads N       as for run\n" HELP_HELP "\n"
               "Exit codes: 0 all is as it should be; 1 something is not, each difference on a line; 2 usage; 3 no\n"
               "Lesion database, or the study cannot be read; 75 stopped early.\n"},
    {"diff", "usage: lesion diff A B [OPTION]...\n\n"
             "Compares two databases of the same jobs, of two checkpoints say: the baseline, and which\n"
             "ablations do another damage in B than in A. Jobs are matched by experiment, filters, mode and\n"
             "seeds. Where both keep results for the same images (metrics: [images]) the comparison is\n"
             "paired image by image. q is corrected within each experiment (Benjamini-Hochberg).\n\n"
             "  --format F        table (default); csv or jsonl: one row for each job of both\n"
             "  --unmatched       list the jobs that only one of them has\n" HELP_HELP},
    {"export", "usage: lesion export DB [OPTION]...\n\n"
               "Writes a view or table of a database, a line a row. May be used while the study runs.\n"
               "docs/results.md describes them all.\n\n"
               "  --view NAME       default: job_result\n"
               "  --list            name the views and tables instead, and what they hold\n"
               "  --format FORMAT   csv (default; RFC 4180: NULL is nothing, an empty text \"\"), or jsonl:\n"
               "                    an object a line, with null, numbers, texts, and lists of filters\n"
               "  -o FILE           default: standard output\n" HELP_HELP},
    {"inspect", "usage: lesion inspect WEIGHTS|STUDY [OPTION]...\n\n"
                "Prints the layer table of a network, or (for a file that ends in .yaml or .yml) the\n"
                "network and the images of a study: classes, formats, sizes, and which cannot be read.\n"
                "Weights are safetensors files, or checkpoints of torch.save (.pth, .pt; of PyTorch\n"
                "0.1.10 or later) with a state dict, of the VGG family or of a chain of fully connected\n"
                "layers. Batch normalisations are folded into the layers before them.\n\n"
                "  --input HxW       the images' size, for a weights file; default: the size for which\n"
                "                    the network's average pooling changes nothing (without convolutions,\n"
                "                    a square image of as many values as the first layer takes)\n"
                "  --sheet FILE.png  draw the images of a study as the network sees them, with their classes\n"
                "  --sheet-images N  at most so many, evenly spread over all; default: 48\n"
                "  --threads N       threads that decode images; default: 1\n" SET_HELP HELP_HELP},
};

void lsn_help(const char *command)
{
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(command, texts[i].command) == 0)
            fputs(texts[i].text, stdout);
}
