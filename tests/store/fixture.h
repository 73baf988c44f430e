/* A small study made by hand: two convolutions, logits over seven classes, ten images, and made-up results that are the
 * same every time. Functions fail the test where something goes wrong. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include "lesion/store.h"

#include <setjmp.h>

#include <cmocka.h>

enum { FIXTURE_IMAGES = 10, FIXTURE_CLASSES = 7, FIXTURE_LAYERS = 3 };

typedef struct fixture {
    char folder[64]; /* temporary */
    char path[96];   /* of the database in it; nothing is there at first */
    lsn_net *net;
    int32_t images[FIXTURE_IMAGES];
    lsn_plan plan;
    size_t experiment_room, job_room, evaluation_room;
} fixture;

/* cmocka's set-up and tear-down: *state is a fixture whose plan is fixture_standard's. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);

/* Empties the plan; the baseline alone is left. */
void fixture_clear(fixture *f);
void fixture_experiment(fixture *f, const char *name);
/* Adds a job to the last experiment. fraction NaN and seed -1: none. */
void fixture_job(fixture *f, const lsn_mask *mask, lsn_mode mode, double fraction, int64_t seed);
/* The job that was added last, to be changed. */
lsn_job *fixture_last_job(fixture *f);
/* A job that removes one filter in a mode that draws. An evaluation of the mode's seed 0 is added with it. */
lsn_job *fixture_mode_job(fixture *f, int layer, int32_t filter, lsn_mode mode, int64_t mode_seed);
/* A job that zeroes `count` filters of a layer from `first` on. */
void fixture_run_of_filters(fixture *f, int layer, int first, int count, double fraction, int64_t seed);
/* every-filter: 4 + 3 jobs of one filter; sensitivity: two fractions of each layer; control: the same with two seeds
 * (some of these masks are in the others too); both-layers: a mask of two layers. */
void fixture_standard(fixture *f);

/* A part with all that can be measured. */
typedef struct made_part {
    lsn_part part; /* of what follows */
    lsn_tally tally;
    int32_t right[FIXTURE_CLASSES], predicted[FIXTURE_CLASSES];
    lsn_verdict verdicts[FIXTURE_IMAGES];
    int64_t drift[FIXTURE_LAYERS];
} made_part;

/* What evaluation `e` does to the images of a block. *made must not be moved. */
void fixture_part(const fixture *f, int32_t e, int32_t block_images, int32_t block, made_part *made);
void fixture_result(const fixture *f, int32_t e, int32_t block_images, int32_t block, lsn_tally *tally,
                    int32_t *class_right);

lsn_store *fixture_store(fixture *f, int32_t block_images);
/* Asserts that the store cannot be opened, with this code and each of the words (ended by NULL) in the message. */
void fixture_refused(fixture *f, bool fresh, lsn_code code, const char *const words[]);
void fixture_add(const fixture *f, lsn_store *store, int32_t e, int32_t block);
/* Adds all that is missing, and commits. */
void fixture_fill(const fixture *f, lsn_store *store);
/* Opens, fills, closes. */
void fixture_complete(fixture *f, int32_t block_images);

/* The whole answer to a query, with "|" between columns and a line feed after each row; to be freed. */
char *fixture_ask(const fixture *f, const char *sql);
/* Asserts that this is the answer. */
void fixture_expect(const fixture *f, const char *sql, const char *answer);
/* Runs `sql` on the file with the sqlite3 library's own connection, to make it what it should not be. */
void fixture_tamper(const char *path, const char *sql);

/* Runs `act` in another process (as the user `nobody` where `nobody` is true and this is root) and gives what waitpid
 * says. `act`'s own result is the exit code. */
int fixture_fork(int (*act)(fixture *f), fixture *f, bool nobody);

#endif
