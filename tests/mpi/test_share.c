/* Weights that rank 0 alone can read, through the program: the same tables, one message where it cannot, and an end
 * wherever a rank fails.
 *
 * Ranks: 2 to 4, oversubscribed on the test machine. */
#include "../cli/interrupted.h"
#include "../cli/shell.h"
#include "../cli/tiny.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MPIRUN "timeout 120 $MPIRUN "
/* The study with the weights that $NET names, on one rank. */
#define WITH(net) "env NET=" net " $LESION run shared.yaml --quiet --db share.db"

static int begin(void **state)
{
    unsetenv("TMPDIR"); /* maybe in /dev/shm, in place of which a test mounts another */
    if (shell_begin(state) != 0)
        return -1;
    assert_int_equal(shell("sed 's/net.safetensors/\"${NET}\"/' study.yaml > shared.yaml; grep -q NET shared.yaml"), 0);
    assert_int_equal(shell(WITH("net.safetensors")), 0);
    dump_tables("share.db", "alone.txt");
    return 0;
}

static void expect_code(int expected, int code)
{
    if (code != expected)
        fail_msg("exit code %d instead of %d:\n%s", code, expected, shell_output);
}

static void only_rank_0_needs_the_weights(void **state)
{
    (void)state;
    for (int others = 1; others <= 3; others += 2) {
        expect_code(
            0, shell("rm -f share.db*; " MPIRUN "-n 1 " WITH("net.safetensors") " : -n %d " WITH("/gone.st"), others));
        dump_tables("share.db", "mine.txt");
        assert_int_equal(shell("cmp mine.txt alone.txt"), 0);
    }
}

static void rank_0s_failure_is_told_once(void **state)
{
    (void)state;
    write_file("bad.safetensors", "this is no network\n");
    static const char *const files[] = {"gone.safetensors", "bad.safetensors"};
    for (int i = 0; i < 2; i++) {
        expect_code(3, shell("rm -f share.db*; { " MPIRUN "-n 1 " WITH("%s") " : -n 3 " WITH(
                                 "net.safetensors") "; echo $? > code; } 2>&1 | tee said; exit $(cat code)",
                             files[i]));
        assert_said(files[i]);
        assert_int_equal(shell("grep -c '^lesion: shared.yaml:' said"), 0);
        assert_string_equal(shell_output, "1\n");
        assert_int_equal(shell("test -e share.db"), 1);
    }
}

static void a_rank_without_its_study_ends_all(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        const int code = shell("rm -f share.db*; " MPIRUN "-n 1 env NET=net.safetensors $LESION run %s --db share.db : "
                               "-n 1 env NET=net.safetensors $LESION run %s --db share.db",
                               first == 0 ? "gone.yaml" : "shared.yaml", first == 0 ? "shared.yaml" : "gone.yaml");
        expect_code(3, code);
        assert_said(first == 0 ? "gone.yaml" : "another rank could not read the study");
    }
}

static void ranks_of_two_kinds_of_kernels_are_refused(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) {
        expect_code(2, shell("rm -f share.db*; " MPIRUN "-n 1 env LESION_ISA=%s NET=net.safetensors $LESION run "
                             "shared.yaml --db share.db : -n 1 env LESION_ISA=%s NET=net.safetensors $LESION run "
                             "shared.yaml --db share.db",
                             first == 0 ? "openblas" : "portable", first == 0 ? "portable" : "openblas"));
        assert_said(first == 0 ? "are of the kind 'own', those of rank 0 of the kind 'openblas'"
                               : "are of the kind 'openblas', those of rank 0 of the kind 'own'");
        assert_said("set LESION_ISA alike on all hosts");
    }
}

/* Ranks that cannot share keep the weights for themselves; said once, with the reason, and the tables are the same. */
static void expect_private(const char *launched, const char *reason)
{
    expect_code(0, shell("rm -f wide.db*; %s 2>&1 | tee said", launched));
    assert_said(reason);
    if (shell("grep -c 'cannot share memory, so that each keeps' said || cat said") != 0)
        fail_msg("%s", shell_output);
    assert_string_equal(shell_output, "1\n");
    dump_tables("wide.db", "mine.txt");
    assert_int_equal(shell("cmp mine.txt wide.txt"), 0);
}

static int begin_wide(void **state)
{
    (void)state;
    const char *const sed =
        "s/net.safetensors/wide.safetensors/; s/filters: each/filters: {each: {count: 2, seed: 1}}/";
    tiny_write_wide_network("wide.safetensors", 1);
    assert_int_equal(shell("sed '%s' study.yaml > wide.yaml", sed), 0);
    assert_int_equal(shell("rm -f wide.db*; $LESION run wide.yaml --quiet --db wide.db"), 0);
    dump_tables("wide.db", "wide.txt");
    return 0;
}

static void little_shared_memory_is_done_without(void **state)
{
    (void)state;
    if (shell("unshare -m mount -t tmpfs -o size=24m tmpfs /dev/shm") != 0) {
        print_message("skipped: /dev/shm cannot be replaced for a test here\n");
        skip();
    }
    for (int megabytes = 24; megabytes <= 50; megabytes += 26) { /* too few for the weights; for the packed ones */
        char launched[256];
        snprintf(launched, sizeof launched,
                 "unshare -m sh -c 'mount -t tmpfs -o size=%dm tmpfs /dev/shm; " MPIRUN
                 "-n 3 $LESION run wide.yaml --db wide.db'",
                 megabytes);
        expect_private(launched, "/dev/shm has no room for ");
    }
}

static void a_library_that_shares_nothing_is_done_with(void **state)
{
    (void)state;
    if (strstr(getenv("MPIRUN"), "mpirun") == NULL) {
        print_message("only Open MPI can be told to share nothing\n");
        skip();
    }
    expect_private(MPIRUN "--mca osc ^sm -n 3 $LESION run wide.yaml --db wide.db", "MPI_Win_allocate_shared");
}

static void memory_is_announced(void **state)
{
    (void)state;
    expect_code(0, shell("rm -f share.db*; " MPIRUN "-n 3 " WITH("net.safetensors")));
    assert_said("memory of a node: ");
    assert_said("for weights, once, and up to ");
    expect_code(0, shell("rm -f share.db*; " WITH("net.safetensors")));
    assert_said("lesion: memory: ");
    assert_not_said("of a node");
}

/* A rank's limit counts its part of what is shared: one that is too low is told with what is needed. */
static void a_limit_of_memory_counts_what_is_shared(void **state)
{
    (void)state;
    assert_int_not_equal(shell("rm -f share.db*; " MPIRUN "-n 3 " WITH("net.safetensors") " --memory 1000"), 0);
    assert_said("bytes of memory are too few for net.safetensors");
    const char *give = strstr(shell_output, ": give ");
    assert_non_null(give);
    const unsigned long long least = strtoull(give + strlen(": give "), NULL, 10);
    const unsigned long long less = least - 1;
    assert_int_not_equal(shell("rm -f share.db*; " MPIRUN "-n 3 " WITH("net.safetensors") " --memory %llu", less), 0);
    expect_code(0, shell("rm -f share.db*; " MPIRUN "-n 3 " WITH("net.safetensors") " --memory %llu", least));
    dump_tables("share.db", "mine.txt");
    assert_int_equal(shell("cmp mine.txt alone.txt"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_rank_0_needs_the_weights),
        cmocka_unit_test(rank_0s_failure_is_told_once),
        cmocka_unit_test(a_rank_without_its_study_ends_all),
        cmocka_unit_test(ranks_of_two_kinds_of_kernels_are_refused),
        cmocka_unit_test_setup(little_shared_memory_is_done_without, begin_wide),
        cmocka_unit_test_setup(a_library_that_shares_nothing_is_done_with, begin_wide),
        cmocka_unit_test(memory_is_announced),
        cmocka_unit_test(a_limit_of_memory_counts_what_is_shared),
    };
    return cmocka_run_group_tests(tests, begin, shell_end);
}
