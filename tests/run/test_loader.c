/* Images decoded ahead of need are those that are asked for, whatever was expected. */
#include "run/run_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { IMAGES = 23, SIDE = 6, BLOCK = 5, FLOATS = SIDE * SIDE * 3 };

static char folder[64];
static int32_t list[IMAGES];
static lsn_plan plan;

static void write_image(int i, unsigned char shade)
{
    char path[128];
    unsigned char pixels[SIDE * SIDE * 3];
    memset(pixels, shade, sizeof pixels);
    snprintf(path, sizeof path, "%s/class/%02d.png", folder, i);
    assert_true(lsn_png_write(path, pixels, SIDE, SIDE, NULL));
}

/* Image i is of shade 10 i; the first 18 are evaluated, the others are for calibration. */
static int set_up(void **state)
{
    (void)state;
    char path[128];
    snprintf(folder, sizeof folder, "%.40s/lesion-XXXXXX", getenv("TMPDIR") == NULL ? "/tmp" : getenv("TMPDIR"));
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/class", folder);
    if (mkdir(path, 0777) != 0)
        return -1;
    for (int i = 0; i < IMAGES; i++) {
        write_image(i, (unsigned char)(10 * i));
        list[i] = i;
    }
    const lsn_data_spec spec = {.format = LSN_IMAGEFOLDER, .path = folder};
    plan = (lsn_plan){.images = {list, 18}, .calibration = {list + 18, 5}};
    plan.data = lsn_data_open(&spec, NULL);
    plan.pixels = calloc(IMAGES, sizeof *plan.pixels);
    plan.calibration_pixels = plan.pixels + 18;
    for (int i = 0; i < IMAGES; i++) {
        lsn_image_check check;
        assert_true(lsn_data_check(plan.data, i, NULL, &check, NULL));
        plan.pixels[i] = check.digest;
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[128];
    free(plan.pixels);
    lsn_data_destroy(plan.data);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static lsn_loader *loader_create(void)
{
    lsn_error err = {0};
    lsn_loader *loader = lsn_loader_create(&plan, BLOCK, &err);
    if (loader == NULL)
        fail_msg("%s", err.text);
    return loader;
}

static void check_load(lsn_loader *loader, const lsn_span *span)
{
    float out[BLOCK * FLOATS];
    lsn_error err = {0};
    if (!lsn_loader_load(loader, span, out, &err))
        fail_msg("%s", err.text);
    for (int32_t k = 0; k < span->n; k++)
        for (int i = 0; i < FLOATS; i++) {
            int shade = 10 * (span->first + k + (span->calibration ? 18 : 0));
            assert_true(out[k * FLOATS + i] == (float)shade / 255.0f);
        }
}

static lsn_span block(int b)
{
    return (lsn_span){false, b * BLOCK, b == 3 ? 3 : BLOCK};
}

static void any_order_gives_the_right_images(void **state)
{
    (void)state;
    lsn_loader *loader = loader_create();
    lsn_random random;
    lsn_random_init(&random, 1, 0);
    for (int i = 0; i < 400; i++) {
        lsn_span span = block((int)lsn_random_below(&random, 4)), next = block((int)lsn_random_below(&random, 4));
        if (i % 7 == 0)
            span = (lsn_span){true, (int32_t)lsn_random_below(&random, 3), 2};
        check_load(loader, &span);
        if (i % 3 != 0)
            lsn_loader_expect(loader, &next);
        if (i % 5 == 0)
            usleep(300);
    }
    lsn_loader_expect(loader, &(lsn_span){0});
    lsn_loader_destroy(loader);
    lsn_loader_destroy(NULL);
}

static void what_was_expected_need_not_come(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        lsn_loader *loader = loader_create();
        lsn_span span = block(i % 4);
        lsn_loader_expect(loader, &span);
        if (i % 2 == 0)
            usleep((unsigned)(10 * i));
        lsn_loader_destroy(loader);
    }
}

static void check_failure(lsn_loader *loader, const char *said)
{
    float out[BLOCK * FLOATS];
    lsn_error err = {0};
    lsn_span span = block(1);
    assert_false(lsn_loader_load(loader, &span, out, &err));
    assert_int_equal(err.code, LSN_FAILED);
    if (strstr(err.text, said) == NULL)
        fail_msg("%s", err.text);
}

static void files_that_change_are_noticed(void **state)
{
    (void)state;
    char path[128];
    lsn_loader *loader = loader_create();
    lsn_span span = block(0);
    write_image(7, 1);
    check_load(loader, &span);
    check_failure(loader, "class/07.png has changed since it was checked");
    snprintf(path, sizeof path, "%s/class/07.png", folder);
    assert_int_equal(unlink(path), 0);
    check_failure(loader, "07.png: cannot be opened");
    write_image(7, 70);
    span = block(1);
    check_load(loader, &span);
    lsn_loader_destroy(loader);
}

static void all_images_are_checked_on_any_number_of_threads(void **state)
{
    (void)state;
    lsn_error err = {0};
    char path[128];
    snprintf(path, sizeof path, "%s/class/20.png", folder);
    assert_int_equal(truncate(path, 60), 0);
    for (int threads = 0; threads < 5; threads++) {
        lsn_image_checks found = {0};
        assert_true(lsn_image_checks_init(&found, &plan, &err));
        assert_true(lsn_images_check_share(&plan, 0, 1, threads, &found, &err));
        assert_int_equal(found.count, IMAGES);
        for (int i = 0; i < IMAGES; i++) {
            assert_int_equal(found.checks[i].readable, i != 20);
            assert_int_equal(found.reasons[i] != NULL, i == 20);
            if (i != 20)
                assert_memory_equal(&found.checks[i].digest, &plan.pixels[i], sizeof(lsn_digest));
        }
        lsn_image_checks_finish(&found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(any_order_gives_the_right_images, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_expected_need_not_come, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_that_change_are_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_images_are_checked_on_any_number_of_threads, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
