#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "../formats/network_file.h"
#include "fixture.h"

/* ---- files --------------------------------------------------------------------------------------------------- */

/* Numbers of -1 .. 1 in steps of 1/512 (Park & Miller's generator): exact, and mostly different. */
static void draw_weights(unsigned char *file, size_t bytes, uint32_t seed)
{
    uint64_t header = 0, state = seed;
    for (int i = 0; i < 8; i++)
        header |= (uint64_t)file[i] << (8 * i);
    for (size_t at = 8 + header; at < bytes; at += sizeof(float)) {
        state = state * 48271 % 2147483647;
        float value = (float)((int)(state % 1025) - 512) / 512;
        memcpy(file + at, &value, sizeof value);
    }
}

const char *fixture_weights(const char *name, uint32_t seed)
{
    network_file *network = calloc(1, sizeof *network);
    size_t bytes;
    assert_non_null(network);
    network_init(network, "F32", 1, (const int[]){4, 0, 6, 0, 8, 8, 0, 10, 0, 12, 0, -1}, 1,
                 (const int[]){16, 20, FIXTURE_CLASSES, -1});
    unsigned char *file = network_bytes(network, &bytes);
    draw_weights(file, bytes, seed);
    const char *path = scratch_write(name, file, bytes);
    free(file);
    free(network);
    return path;
}

static void put_number(unsigned char *out, int number)
{
    for (int i = 0; i < 4; i++)
        out[i] = (unsigned char)((uint32_t)number >> (24 - 8 * i));
}

const char *fixture_images(const char *name, int count, int side, int shade)
{
    size_t pixels = (size_t)count * (size_t)side * (size_t)side;
    unsigned char *file = malloc(16 + pixels);
    assert_non_null(file);
    put_number(file, 0x0803);
    put_number(file + 4, count);
    put_number(file + 8, side);
    put_number(file + 12, side);
    for (size_t i = 0; i < pixels; i++)
        file[16 + i] = (unsigned char)(i * 7 + i / 28 * 3 + (size_t)shade);
    const char *path = scratch_write(name, file, 16 + pixels);
    free(file);
    return path;
}

const char *fixture_labels(const char *name, int count, int classes)
{
    unsigned char file[1024];
    assert_in_range(count, 1, (int)sizeof file - 8);
    put_number(file, 0x0801);
    put_number(file + 4, count);
    for (int i = 0; i < count; i++)
        file[8 + i] = (unsigned char)(i % classes);
    return scratch_write(name, file, 8 + (size_t)count);
}

const char *fixture_path(const char *name)
{
    return scratch_path(name);
}

const char *fixture_write(const char *name, const void *data, size_t bytes)
{
    return scratch_write(name, data, bytes);
}

int fixture_open(void **state)
{
    if (scratch_open(state) != 0)
        return -1;
    fixture_weights("weights.safetensors", 1);
    fixture_images("images.idx", FIXTURE_IMAGES, 28, 0);
    fixture_labels("labels.idx", FIXTURE_IMAGES, FIXTURE_CLASSES);
    return 0;
}

int fixture_close(void **state)
{
    return scratch_close(state);
}

/* ---- studies ------------------------------------------------------------------------------------------------- */

static int count_of(const char *const *list)
{
    int n = 0;
    while (list != NULL && list[n] != NULL)
        n++;
    return n;
}

void check_images(const lsn_plan *plan, lsn_image_checks *found)
{
    lsn_error err = {0};
    assert_true(lsn_image_checks_init(found, plan, &err));
    for (int32_t i = 0; i < found->count; i++)
        if (!lsn_data_check(plan->data, lsn_plan_image(plan, i), NULL, &found->checks[i], &err))
            found->reasons[i] = lsn_strdup(err.text, NULL);
}

lsn_plan *unsettled(const char *text, const char *const *overrides)
{
    const char *path = scratch_write("study.yaml", text, strlen(text));
    lsn_problems problems = {0};
    lsn_error err = {0};
    lsn_plan *plan = lsn_plan_create(path, overrides, count_of(overrides), &problems, &err);
    for (size_t i = 0; i < problems.count; i++)
        print_error("%s\n", problems.text[i]);
    if (plan == NULL)
        print_error("%s\n", err.text);
    assert_non_null(plan);
    assert_int_equal(problems.count, 0);
    assert_false(plan->settled);
    return plan;
}

lsn_plan *planned(const char *text, const char *const *overrides)
{
    lsn_plan *plan = unsettled(text, overrides);
    lsn_image_checks found;
    lsn_problems problems = {0};
    lsn_error err = {0};
    check_images(plan, &found);
    if (!lsn_plan_settle(plan, &found, &problems, &err))
        fail_msg("%s", err.text);
    assert_int_equal(problems.count, 0);
    lsn_image_checks_finish(&found);
    return plan;
}

static bool is_expected(const char *found, const expected *mistake, const char *path)
{
    if (strncmp(mistake->place, "--set", 5) != 0) {
        size_t length = strlen(path);
        if (strncmp(found, path, length) != 0)
            return false;
        found += length;
        if (mistake->place[0] != '\0' && *found++ != ':')
            return false;
    }
    size_t length = strlen(mistake->place);
    return strncmp(found, mistake->place, length) == 0 && strncmp(found + length, ": ", 2) == 0 &&
           strstr(found + length, mistake->part) != NULL && strchr(found, '\n') == NULL;
}

void refused(const char *text, const char *const *overrides, const expected *mistakes)
{
    const char *path = scratch_path("study.yaml");
    if (text != NULL)
        scratch_write("study.yaml", text, strlen(text));
    lsn_problems problems = {0};
    lsn_error err = {0};
    lsn_plan *plan = lsn_plan_create(path, overrides, count_of(overrides), &problems, &err);
    size_t count = 0;
    bool same = true;
    for (; mistakes[count].place != NULL; count++)
        same = same && count < problems.count && is_expected(problems.text[count], &mistakes[count], path);
    if (plan != NULL || count != problems.count || !same) {
        for (size_t i = 0; i < count; i++)
            print_error("expected %s: ..%s..\n", mistakes[i].place, mistakes[i].part);
        for (size_t i = 0; i < problems.count; i++)
            print_error("found    %s\n", problems.text[i]);
    }
    assert_null(plan);
    assert_int_equal(problems.count, count);
    assert_true(same);
    assert_int_equal(err.code, LSN_INVALID);
    lsn_problems_finish(&problems);
}

/* ---- jobs ---------------------------------------------------------------------------------------------------- */

void check_job(const lsn_plan *plan, int32_t job, const char *mask, lsn_mode mode, double fraction, int64_t seed)
{
    assert_in_range(job, 0, plan->n_jobs - 1);
    const lsn_job *found = &plan->jobs[job];
    const lsn_ablation *ablation = &plan->evaluations[found->evaluation].ablation;
    lsn_text json = {0};
    lsn_mask_json(plan->net, &ablation->mask, &json);
    assert_string_equal(json.data, mask);
    lsn_text_finish(&json);
    assert_int_equal(ablation->mode, mode);
    assert_int_equal(found->seed, seed);
    assert_true(isnan(fraction) ? isnan(found->fraction) : !(fabs(found->fraction - fraction) > 0));
}

char *masks_of(const lsn_plan *plan, int32_t experiment)
{
    const lsn_experiment *of = &plan->experiments[experiment];
    lsn_text text = {0};
    for (int32_t i = of->first_job; i < of->first_job + of->n_jobs; i++) {
        assert_int_equal(plan->jobs[i].experiment, experiment);
        lsn_text_add(&text, "%s", i > of->first_job ? " " : "");
        lsn_mask_json(plan->net, &plan->evaluations[plan->jobs[i].evaluation].ablation.mask, &text);
    }
    assert_non_null(text.data);
    return text.data;
}

void check_masks(const char *text, const char *masks)
{
    lsn_plan *plan = planned(text, NULL);
    assert_int_equal(plan->n_experiments, 2);
    char *found = masks_of(plan, 1);
    assert_string_equal(found, masks);
    free(found);
    lsn_plan_destroy(plan);
}
