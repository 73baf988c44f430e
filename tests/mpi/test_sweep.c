/* A study over ranks: the same tables, to the bit, for any number of ranks.
 *
 * Ranks: 1, 2 and 4 workers' worth (mpirun -n 1, 2, 4), oversubscribed on the test machine. */
#include "../cli/interrupted.h"
#include "../cli/pictures.h"
#include "../cli/science.h"

#include <stdlib.h>
#include <string.h>

/* That of the MPI that the program is built with. */
#define MPIRUN "$MPIRUN "

static void assert_same_as_alone(const char *database)
{
    dump_tables(database, "mine.txt");
    assert_int_equal(shell("cmp mine.txt alone.txt"), 0);
}

static int begin(void **state)
{
    if (shell_begin(state) != 0)
        return -1;
    assert_int_equal(shell("$LESION run study.yaml --quiet --db alone.db"), 0);
    dump_tables("alone.db", "alone.txt");
    return 0;
}

static void any_number_of_ranks_gives_the_same_tables(void **state)
{
    (void)state;
    static const int ranks[] = {1, 2, 4};
    for (int i = 0; i < 3; i++) {
        shell("rm -f ranks.db*");
        int code = shell(MPIRUN "-n %d $LESION run study.yaml --db ranks.db", ranks[i]);
        if (code != 0)
            fail_msg("%d ranks: exit code %d:\n%s", ranks[i], code, shell_output);
        assert_said("complete");
        assert_same_as_alone("ranks.db");
        char expected[16] = {(char)('0' + ranks[i]), '\0'};
        assert_string_equal(ask("ranks.db", "SELECT ranks FROM run"), expected);
    }
}

/* All scores, modes and metrics; and jobs that end early, whose parts come in any order. */
static void whatever_is_measured_the_tables_are_the_same(void **state)
{
    (void)state;
    static const char *const studies[] = {"science", "race"};
    science_write();
    for (int s = 0; s < 2; s++) {
        assert_int_equal(shell("$LESION run %s.yaml --quiet --db single.db", studies[s]), 0);
        science_dump("single.db", "single.txt");
        for (int ranks = 2; ranks <= 4; ranks += 2) {
            assert_int_equal(
                shell("rm -f more.db*; " MPIRUN "-n %d $LESION run %s.yaml --quiet --db more.db", ranks, studies[s]),
                0);
            science_dump("more.db", "more.txt");
            assert_int_equal(shell("cmp more.txt single.txt"), 0);
        }
        shell("rm -f single.db* more.db*");
    }
}

/* Shards on different numbers of ranks, merged; a sample computed again by all ranks. */
static void shards_over_ranks_are_merged_and_verified(void **state)
{
    (void)state;
    assert_int_equal(shell(MPIRUN "-n 3 $LESION run study.yaml --quiet --shard 1/2 --db one.db"), 0);
    assert_int_equal(shell(MPIRUN "-n 2 $LESION run study.yaml --quiet --shard 2/2 --db two.db"), 0);
    assert_int_equal(shell("$LESION merge one.db two.db -o merged.db --quiet"), 0);
    assert_same_as_alone("merged.db");
    int code = shell(MPIRUN "-n 3 $LESION verify merged.db --sample 30");
    if (code != 0)
        fail_msg("exit code %d:\n%s", code, shell_output);
    assert_said("computed    31 of ");
    assert_said("every bit is the same");
    assert_int_equal(shell("sqlite3 merged.db 'UPDATE evaluation SET kl_sum = kl_sum + 1 WHERE evaluation > 0'"), 0);
    assert_int_equal(shell(MPIRUN "-n 3 $LESION verify merged.db --sample 5"), 1);
    assert_said("column kl_sum");
    shell("rm -f one.db* two.db* merged.db*");
}

/* The ranks share the checking of image files, and each decodes ahead what it needs. */
static void image_files_are_checked_by_all_ranks(void **state)
{
    (void)state;
    pictures_write();
    assert_int_equal(shell("$LESION run photos.yaml --quiet --db photos.db"), 0);
    dump_tables("photos.db", "photos.txt");
    for (int ranks = 2; ranks <= 3; ranks++) {
        assert_int_equal(shell("rm -f more.db*; " MPIRUN "-n %d $LESION run photos.yaml --quiet --db more.db", ranks),
                         0);
        dump_tables("more.db", "more.txt");
        assert_int_equal(shell("cmp more.txt photos.txt"), 0);
    }
}

static void any_rank_may_find_a_broken_image(void **state)
{
    (void)state;
    pictures_break("bee/01.png");
    assert_int_equal(shell("cp photos/cat/10.png kept.png; echo > photos/cat/10.png"), 0);
    assert_int_equal(
        shell("rm -f more.db*; " MPIRUN "-n 3 $LESION run photos.yaml --quiet --db more.db --set data.take.count=50"),
        3);
    assert_said("bee/01.png: is cut short");
    assert_said("cat/10.png: is neither a JPEG nor a PNG file");
    assert_said("2 of 60 images cannot be read");
    assert_int_equal(shell("test -e more.db"), 1);
    static const char *const launch[] = {"", MPIRUN "-n 3 "};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(shell("rm -f more.db*; %s $LESION run photos.yaml --quiet --db more.db --set "
                               "data.take.count=50 --set data.skip_broken=true",
                               launch[i]),
                         0);
        assert_string_equal(ask("more.db", "SELECT group_concat(path, ' ') FROM (SELECT path FROM skipped_image ORDER "
                                           "BY path)"),
                            "bee/01.png cat/10.png");
        dump_tables("more.db", i == 0 ? "photos.txt" : "more.txt");
    }
    assert_int_equal(shell("cmp more.txt photos.txt"), 0);
    assert_int_equal(shell("mv kept.png photos/cat/10.png"), 0);
    pictures_mend("bee/01.png");
}

static void mistakes_are_told_once(void **state)
{
    (void)state;
    int code = shell(MPIRUN "-n 4 $LESION run study.yaml --set ablate.every.layers=conv7");
    assert_int_equal(code, 3);
    assert_int_equal(shell(MPIRUN "-n 4 $LESION run study.yaml --set ablate.every.layers=conv7 2>&1 | grep -c conv7"),
                     0);
    assert_string_equal(shell_output, "1\n");
    assert_int_equal(shell(MPIRUN "-n 3 $LESION run study.yaml --db /proc/x.db"), 1);
    assert_said("/proc/x.db");
}

static void singletons_are_refused(void **state)
{
    (void)state;
    assert_int_equal(shell("SLURM_STEP_NUM_TASKS=4 $LESION run study.yaml --db lone.db"), 1);
    assert_said("believes that it is alone");
    assert_said("--mpi=pmix");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_ranks_gives_the_same_tables),
        cmocka_unit_test(whatever_is_measured_the_tables_are_the_same),
        cmocka_unit_test(shards_over_ranks_are_merged_and_verified),
        cmocka_unit_test(image_files_are_checked_by_all_ranks),
        cmocka_unit_test(any_rank_may_find_a_broken_image),
        cmocka_unit_test(mistakes_are_told_once),
        cmocka_unit_test(singletons_are_refused),
    };
    return cmocka_run_group_tests(tests, begin, shell_end);
}
