/* Runs a fuzz target without libFuzzer, on files and on mutations of them.
 *
 * usage: fuzz_THING [--mutations N] [--write ROUND FILE] FILE|FOLDER...
 *
 * Each file is run as it is, then N mutations of them; each round is the same whatever the others are. Where one
 * crashes, or takes more than 20 s, a line tells which; --write then writes that round's input to a file and runs it.
 */
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "mutate.h"

enum { MOST_SEEDS = 4096, LONGEST_S = 20, ROOM = 1 << 16, LARGEST_SEED = 1 << 24 };

static input seeds[MOST_SEEDS];
static int n_seeds;
static char running[PATH_MAX + 32]; /* what is being run */

static void say_which(void)
{
    const char *before = "while running ", *after = "\n";
    if (write(STDERR_FILENO, before, strlen(before)) < 0 || write(STDERR_FILENO, running, strlen(running)) < 0 ||
        write(STDERR_FILENO, after, 1) < 0)
        return;
}

#ifdef FUZZ_ASAN
void __sanitizer_set_death_callback(void (*callback)(void)); /* of the sanitizer's library */
#endif

static void on_signal(int number)
{
    say_which();
    signal(number, SIG_DFL);
    raise(number);
}

static void watch(void)
{
#ifdef FUZZ_ASAN
    __sanitizer_set_death_callback(say_which);
#else
    signal(SIGSEGV, on_signal);
    signal(SIGBUS, on_signal);
    signal(SIGFPE, on_signal);
#endif
    signal(SIGABRT, on_signal);
    signal(SIGALRM, on_signal);
}

static void run(const input *in)
{
    unsigned char *exact = malloc(in->bytes + (in->bytes == 0)); /* so that the sanitizer knows where it ends */
    if (exact == NULL)
        abort();
    if (in->bytes > 0)
        memcpy(exact, in->data, in->bytes);
    alarm(LONGEST_S);
    LLVMFuzzerTestOneInput(exact, in->bytes);
    alarm(0);
    free(exact);
}

static void die(const char *path, const char *why)
{
    fprintf(stderr, "%s: %s\n", path, why);
    exit(1);
}

static void read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat status;
    if (file == NULL || fstat(fileno(file), &status) != 0 || status.st_size > LARGEST_SEED)
        die(path, "cannot be read, or is larger than a seed should be");
    if (n_seeds == MOST_SEEDS)
        die(path, "too many seeds");
    input *seed = &seeds[n_seeds++];
    *seed = (input){.data = malloc((size_t)status.st_size + 1), .bytes = (size_t)status.st_size};
    if (seed->data == NULL || fread(seed->data, 1, seed->bytes, file) != seed->bytes)
        die(path, "cannot be read");
    fclose(file);
    snprintf(running, sizeof running, "%s", path);
    run(seed);
}

static void read_path(const char *path)
{
    struct dirent **entries;
    struct stat status;
    if (stat(path, &status) != 0)
        die(path, "is not there");
    if (!S_ISDIR(status.st_mode)) {
        read_file(path);
        return;
    }
    int count = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char name[PATH_MAX];
        snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            read_path(name);
        free(entries[i]);
    }
    free(entries);
}

/* The input of one round, in *to, which has room for the largest seed and ROOM bytes more. */
static void make_round(long round, input *to)
{
    lsn_random random;
    lsn_random_init(&random, 1, (uint64_t)round);
    const input *seed = &seeds[lsn_random_below(&random, (uint64_t)n_seeds)];
    const input *other = &seeds[lsn_random_below(&random, (uint64_t)n_seeds)];
    memcpy(to->data, seed->data, seed->bytes);
    to->bytes = seed->bytes;
    mutate(to, other, &random);
}

static void run_rounds(long mutations, long only, const char *path)
{
    size_t largest = 0;
    for (int i = 0; i < n_seeds; i++)
        largest = seeds[i].bytes > largest ? seeds[i].bytes : largest;
    input to = {.data = malloc(largest + ROOM), .room = largest + ROOM};
    if (to.data == NULL)
        abort();
    for (long round = only >= 0 ? only : 0; round < mutations || round == only; round++) {
        snprintf(running, sizeof running, "round %ld (--write %ld FILE keeps its input)", round, round);
        make_round(round, &to);
        FILE *file = path != NULL ? fopen(path, "wb") : NULL;
        if (path != NULL && (file == NULL || fwrite(to.data, 1, to.bytes, file) != to.bytes || fclose(file) != 0))
            die(path, "cannot be written");
        run(&to);
        if (round == only)
            break;
    }
    free(to.data);
}

int main(int argc, char **argv)
{
    long mutations = 0, only = -1;
    const char *path = NULL;
    int at = 1;
    watch();
    for (; at < argc && argv[at][0] == '-'; at++)
        if (strcmp(argv[at], "--mutations") == 0 && at + 1 < argc)
            mutations = atol(argv[++at]);
        else if (strcmp(argv[at], "--write") == 0 && at + 2 < argc) {
            only = atol(argv[++at]);
            path = argv[++at];
        } else
            die(argv[at], "unknown option");
    for (; at < argc; at++)
        read_path(argv[at]);
    if (n_seeds == 0)
        die(argv[0], "no seed was found");
    int seeds_run = n_seeds;
    run_rounds(mutations, only, path);
    printf("%d seeds and %ld mutations did no harm\n", seeds_run, only >= 0 ? 1 : mutations);
    for (int i = 0; i < n_seeds; i++)
        free(seeds[i].data);
    return 0;
}
