/* lesion merge: several databases of one study become what one undisturbed run writes. */
#include "science.h"
#include "shell.h"

#include <stdio.h>
#include <string.h>

#define DONE "SELECT count(*) FROM evaluation WHERE status = 'done'"

static void must(int expected, int code)
{
    if (code != expected)
        fail_msg("exit code %d, not %d:\n%s", code, expected, shell_output);
}

static void whole_tables(const char *database, const char *file)
{
    science_dump(database, file);
    assert_int_equal(
        shell("sqlite3 -readonly %s 'SELECT id, name, text, overrides, weights_sha256, images_sha256, "
              "calibration_sha256, images, block_images, per_class, per_image, drift, stop_half_width, shard, shards "
              "FROM study; SELECT * FROM layer; SELECT * FROM class; SELECT * FROM experiment; SELECT evaluation, key, "
              "shard FROM evaluation; SELECT * FROM grouping; SELECT * FROM filter_group; SELECT * FROM job; SELECT "
              "count(*) FROM part; SELECT * FROM skipped_image; SELECT name, sql FROM sqlite_master WHERE sql IS NOT "
              "NULL ORDER BY name' >> %s",
              database, file),
        0);
}

/* All tables but those of runs. */
static void assert_same_tables(const char *one, const char *other)
{
    whole_tables(one, "one.txt");
    whole_tables(other, "other.txt");
    must(0, shell("cmp one.txt other.txt"));
}

static void shards_give_what_one_run_gives(void **state)
{
    (void)state;
    static const char *const studies[] = {"study", "science", "race"};
    science_write();
    for (int s = 0; s < 3; s++) {
        must(0, shell("rm -f *.db*; $LESION run %s.yaml --quiet --db single.db", studies[s]));
        must(0, shell("for i in 1 2 3; do $LESION run %s.yaml --quiet --shard $i/3 --db $i.db || exit 1; done",
                      studies[s]));
        must(0, shell("$LESION merge 2.db 1.db 3.db -o merged.db"));
        assert_said("merged 3 databases -> merged.db");
        assert_said("The intact network");
        assert_same_tables("single.db", "merged.db");
        assert_string_equal(ask("merged.db", "SELECT count(*), count(DISTINCT pid), sum(how = 'complete') FROM run"),
                            "3|3|3");
        assert_string_equal(ask("merged.db", "PRAGMA integrity_check"), "ok");
        assert_string_equal(ask("merged.db", "SELECT count(*) FROM evaluation e WHERE run IS NULL OR seconds IS NULL"),
                            "0");
        must(0, shell("$LESION run %s.yaml --quiet --db merged.db", studies[s]));
        assert_string_equal(ask("merged.db", "SELECT count(*) FROM run"), "3");
        must(0, shell("$LESION status merged.db"));
        assert_not_said("shard");
    }
}

static void what_is_missing_can_be_computed_later(void **state)
{
    (void)state;
    must(0,
         shell("rm -f *.db*; for i in 1 3; do $LESION run study.yaml --quiet --shard $i/3 --db $i.db || exit 1; done; "
               "$LESION run study.yaml --quiet --db single.db"));
    must(75, shell("$LESION merge 1.db 3.db -o merged.db --quiet"));
    assert_said("lesion run STUDY --db merged.db");
    must(0, shell("$LESION run study.yaml --quiet --db merged.db"));
    assert_same_tables("single.db", "merged.db");
    /* Merged databases can be merged again: runs are listed once. */
    must(
        0,
        shell("$LESION run study.yaml --quiet --shard 2/3 --db 2.db && $LESION merge merged.db 1.db 2.db -o again.db"));
    assert_same_tables("single.db", "again.db");
    assert_string_equal(ask("again.db", "SELECT count(*) FROM run"), "4");
}

/* Runs that were stopped half-way, on several machines. */
static void parts_are_united(void **state)
{
    (void)state;
    science_write();
    must(0,
         shell("rm -f *.db*; $LESION run race.yaml --quiet --db single.db; $LESION run race.yaml --quiet --db a.db && "
               "cp a.db b.db"));
    /* Evaluation 5: parts of blocks 0, 2 here, of 0, 1 there; its result is taken away. */
    must(0, shell("$LESION run race.yaml --quiet --db parts.db --set stop.half_width=0.0001 --deadline 0.001s; true"));
    must(0,
         shell("for d in a b; do sqlite3 $d.db \"UPDATE evaluation SET status = 'pending' WHERE evaluation = 9; DELETE "
               "FROM image_result WHERE evaluation = 9\"; done"));
    must(75, shell("$LESION merge a.db b.db -o merged.db --quiet"));
    assert_string_equal(ask("merged.db", DONE), ask("a.db", DONE));
    must(0, shell("$LESION run race.yaml --quiet --db merged.db"));
    assert_same_tables("single.db", "merged.db");
}

static void jobs_may_be_more_in_one(void **state)
{
    (void)state;
    must(0,
         shell("rm -f *.db*; $LESION run study.yaml --quiet --db few.db && $LESION run study.yaml --quiet --db more.db "
               "--set ablate.chance.filters.random.seeds=0..9 --deadline 0.001s; $LESION run study.yaml --quiet --db "
               "single.db --set ablate.chance.filters.random.seeds=0..9"));
    must(75, shell("$LESION merge few.db more.db -o merged.db --quiet"));
    must(0, shell("$LESION run study.yaml --quiet --set ablate.chance.filters.random.seeds=0..9 --db merged.db"));
    assert_same_tables("single.db", "merged.db");
    must(0, shell("$LESION run study.yaml --quiet --db odd.db --set ablate.chance.filters.random.seeds=[30]"));
    must(3, shell("$LESION merge odd.db more.db -o refused.db"));
    assert_said("odd.db: holds 3 jobs that more.db, which has most jobs, does not have, for example chance: ");
    assert_said("seed 30");
    must(0, shell("! test -e refused.db && ! test -e refused.db.merging"));
}

static void contradictions_are_shown(void **state)
{
    (void)state;
    science_write();
    must(0, shell("rm -f *.db*; $LESION run science.yaml --quiet --db a.db && sqlite3 a.db 'VACUUM'"));
    static const struct {
        const char *change, *said[3];
    } cases[] = {
        {"UPDATE evaluation SET kl_sum = kl_sum + 1 WHERE evaluation = 7", {"table evaluation", "column kl_sum"}},
        {"UPDATE evaluation SET p = 0.125 WHERE evaluation = 7", {"column p: 0.125, not "}},
        {"UPDATE evaluation_class SET predicted = 77 WHERE evaluation = 3 AND class = 1",
         {"table evaluation_class", "class 1", "column predicted: 77, not "}},
        {"UPDATE drift SET drift = drift * 2 WHERE evaluation = 3 AND layer = 2", {"table drift", "layer 2"}},
        {"DELETE FROM drift WHERE evaluation = 3 AND layer = 2", {"column drift: nothing, not "}},
        {"UPDATE image_result SET rank = 1 - rank WHERE evaluation = 4 AND image = 8 AND rank < 2; UPDATE image_result "
         "SET rank = 0 WHERE evaluation = 4 AND image = 8 AND rank > 1",
         {"table image_result", "image 8", "column rank: "}},
        {"UPDATE filter_score SET value = value + 1 WHERE score = 'apoz' AND layer = 1 AND filter = 2",
         {"table filter_score", "apoz, layer 1, filter 2"}},
        {"UPDATE filter_activation SET mean = 0.5 WHERE layer = 1 AND filter = 2", {"column mean: 0.5, not "}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        must(0, shell("cp a.db b.db && sqlite3 b.db \"%s\"", cases[i].change));
        must(3, shell("$LESION merge a.db b.db -o merged.db"));
        assert_said("b.db: contradicts what was merged before");
        for (int w = 0; w < 3 && cases[i].said[w] != NULL; w++)
            assert_said(cases[i].said[w]);
        must(0, shell("! test -e merged.db"));
    }
}

static void failed_only_where_nobody_has_done_it(void **state)
{
    (void)state;
    must(0, shell("rm -f *.db*; $LESION run study.yaml --quiet --db a.db && cp a.db b.db && cp a.db single.db"));
    must(0, shell("sqlite3 b.db \"UPDATE evaluation SET status = 'failed', reason = 'it broke' WHERE evaluation IN (3, "
                  "4); DELETE FROM evaluation_class WHERE evaluation IN (3, 4)\""));
    must(0, shell("sqlite3 a.db \"UPDATE evaluation SET status = 'pending' WHERE evaluation = 4; DELETE FROM "
                  "evaluation_class WHERE evaluation = 4\""));
    must(4, shell("$LESION merge b.db a.db -o merged.db"));
    assert_said("1 failed");
    assert_string_equal(ask("merged.db", "SELECT evaluation, reason FROM evaluation WHERE status <> 'done'"),
                        "4|it broke");
    must(0, shell("$LESION run study.yaml --quiet --db merged.db"));
    assert_same_tables("single.db", "merged.db");
}

static void other_studies_are_refused(void **state)
{
    (void)state;
    must(0, shell("rm -f *.db*; $LESION run study.yaml --quiet --db a.db"));
    static const struct {
        const char *options, *said;
    } cases[] = {
        {"--set study=other", "study: other, not tiny"},
        {"--set data.take.count=30", "sha256 of the images: "},
        {"--set data.calibration.count=8", "sha256 of the calibration images: "},
        {"--set metrics=[top1]", "metric per_class: 0, not 1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        must(0, shell("rm -f b.db*; $LESION run study.yaml --quiet --db b.db %s", cases[i].options));
        must(3, shell("$LESION merge a.db b.db -o merged.db"));
        assert_said("b.db: does not belong to the study of a.db");
        assert_said(cases[i].said);
    }
    must(3, shell("cp a.db b.db; sqlite3 b.db \"UPDATE run SET method = 'openblas'\"; $LESION merge a.db b.db -o "
                  "merged.db"));
    assert_said("kind of kernels: openblas, not own");
    must(0, shell("sqlite3 b.db \"UPDATE run SET method = 'winograd'\"; $LESION merge a.db b.db -o merged.db --quiet"));
}

static void bad_inputs_are_named(void **state)
{
    (void)state;
    must(0,
         shell(
             "rm -f *.db*; $LESION run study.yaml --quiet --db a.db; echo no database > text.db; : > empty.db; sqlite3 "
             "stranger.db 'CREATE TABLE t (a)'; cp a.db old.db; sqlite3 old.db 'PRAGMA user_version = 3'; sqlite3 a.db "
             "VACUUM; cp a.db cut.db; truncate -s 40000 cut.db; cp a.db lacks.db; sqlite3 lacks.db 'DROP TABLE "
             "evaluation_class'; cp a.db odd.db; sqlite3 odd.db 'DELETE FROM study'"));
    static const struct {
        const char *name;
        int code;
        const char *said;
    } cases[] = {
        {"text.db", 3, "no Lesion database"}, {"empty.db", 3, "it is empty"},  {"stranger.db", 3, "another program's"},
        {"old.db", 3, "schema version 3"},    {"cut.db", 1, "damaged"},        {"lacks.db", 1, "damaged"},
        {"odd.db", 1, "`study` is empty"},    {"nowhere.db", 1, "nowhere.db"}, {".", 1, "."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        must(cases[i].code, shell("$LESION merge a.db %s -o merged.db", cases[i].name));
        assert_said(cases[i].name);
        assert_said(cases[i].said);
        must(0, shell("! ls | grep merged.db"));
    }
}

static void the_output_is_never_half(void **state)
{
    (void)state;
    must(0, shell("rm -f *.db*; $LESION run study.yaml --quiet --db a.db; cp a.db b.db; echo mine > out.db"));
    must(1, shell("$LESION merge a.db b.db -o out.db"));
    assert_said("is there already");
    must(0, shell("grep -q mine out.db"));
    must(0, shell("$LESION merge a.db b.db -o out.db --force --quiet && grep -q mine out.db.old"));
    must(2, shell("$LESION merge a.db b.db -o b.db --force"));
    assert_said("is an input and the output");
    must(2, shell("ln -sf a.db link.db; $LESION merge a.db link.db -o new.db"));
    assert_said("the same file");
    must(2, shell("$LESION merge a.db b.db"));
    assert_said("-o DB");
    must(2, shell("$LESION merge -o new.db"));
    /* One that died is cleared away. */
    must(
        0,
        shell("echo half > new.db.merging; $LESION merge a.db b.db -o sub/new.db --quiet && $LESION merge a.db b.db -o "
              "new.db --quiet && ! test -e new.db.merging && ! test -e new.db.lock && ! test -e a.db.lock"));
    must(0, shell("echo old > log.db-wal; ! $LESION merge a.db b.db -o log.db --force"));
    assert_said("log.db-wal: is there already");
}

/* A disk that fills up: neither the output nor what it was built in is left. */
static void a_full_disk_leaves_nothing(void **state)
{
    (void)state;
    must(1, shell("(trap '' XFSZ; ulimit -f 64; exec $LESION merge a.db b.db -o full.db)"));
    assert_said("limit on the size of files");
    must(0, shell("! ls | grep full"));
}

static void a_live_run_is_not_merged(void **state)
{
    (void)state;
    must(0, shell("cp a.db live.db; " AT_UNIT(
                "1", "$LESION merge a.db live.db -o merged.db > said.txt 2>&1; echo $? >> "
                     "said.txt; kill $PPID") "$LESION run study.yaml --db live.db "
                                             "--quiet --set ablate.chance.filters.random.seeds=0..99; cat said.txt; "
                                             "tail -1 said.txt | grep -qx "
                                             "1"));
    assert_said("live.db: a run is writing to it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_give_what_one_run_gives),
        cmocka_unit_test(what_is_missing_can_be_computed_later),
        cmocka_unit_test(parts_are_united),
        cmocka_unit_test(jobs_may_be_more_in_one),
        cmocka_unit_test(contradictions_are_shown),
        cmocka_unit_test(failed_only_where_nobody_has_done_it),
        cmocka_unit_test(other_studies_are_refused),
        cmocka_unit_test(bad_inputs_are_named),
        cmocka_unit_test(the_output_is_never_half),
        cmocka_unit_test(a_full_disk_leaves_nothing),
        cmocka_unit_test(a_live_run_is_not_merged),
    };
    return cmocka_run_group_tests(tests, shell_begin, shell_end);
}
