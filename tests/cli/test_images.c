/* Studies of image files: what the commands make of folders, of broken files, and the contact sheet. */
#include "pictures.h"
#include "shell.h"

#include "lesion/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int begin(void **state)
{
    if (shell_begin(state) != 0)
        return -1;
    pictures_write();
    return 0;
}

static void folders_are_run_and_evaluated(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION run photos.yaml --quiet --db photos.db"), 0);
    assert_string_equal(ask("photos.db", "SELECT count(*), sum(status = 'done') FROM job_result"), "113|113");
    assert_string_equal(ask("photos.db", "SELECT preprocess FROM study"),
                        "resize 36 bilinear, crop 32, mean 0.3, std 0.4");
    assert_string_equal(ask("photos.db", "SELECT group_concat(name, ' ') FROM class"), "ant bee cat dog");
    char loss[64];
    snprintf(loss, sizeof loss, "loss      %s\n",
             ask("photos.db", "SELECT printf('%.6f', loss) FROM job_result WHERE experiment = 'baseline'"));
    assert_int_equal(shell("$LESION eval photos.yaml --threads 2"), 0);
    assert_said(loss);
    assert_int_equal(shell("$LESION plan photos.yaml --jobs | tail -n +2 | cut -f1 > plan.txt && sqlite3 photos.db "
                           "'SELECT job FROM job_result' > keys.txt && cmp plan.txt keys.txt"),
                     0);
}

static void a_broken_file_stops_a_run_before_it_begins(void **state)
{
    (void)state;
    assert_int_equal(shell("for i in photos/*/*.png; do echo > $i.jpg; done; $LESION run photos.yaml --set "
                           "data.take.count=100 --db broken.db"),
                     3);
    assert_said("images cannot be read; nothing was run. Replace them, or leave them out with skip_broken: true");
    assert_said("png.jpg: is neither a JPEG nor a PNG file");
    assert_int_equal(shell("test -e broken.db"), 1);
    assert_int_equal(shell("$LESION run photos.yaml --set data.take.count=100 2>&1 | grep -c neither"), 0);
    assert_true(atoi(shell_output) > 40); /* each is named */
    assert_int_equal(shell("$LESION eval photos.yaml --set data.take.count=100"), 3);
    assert_int_equal(shell("$LESION plan photos.yaml --set data.take.count=100"), 0); /* which reads no images */
    assert_int_equal(shell("rm photos/*/*.png.jpg"), 0);
}

static void broken_files_are_left_out_where_the_study_says_so(void **state)
{
    (void)state;
    pictures_break("bee/01.png");
    assert_int_equal(shell("$LESION run photos.yaml --quiet --db left.db --set data.take.count=50 --set "
                           "data.skip_broken=true"),
                     0);
    assert_said("1 image is left out (skip_broken)");
    assert_said("photos/bee/01.png: is cut short");
    const char *row = ask("left.db", "SELECT path, class, reason LIKE '%bee/01.png: is cut short' FROM skipped_image");
    assert_string_equal(row, "bee/01.png|1|1");
    assert_string_equal(ask("left.db", "SELECT images + calibration_images FROM study"), "59");
    assert_int_equal(shell("$LESION status left.db"), 0);
    assert_said("left out  1 images that cannot be read");
    /* The same images without it are the same study. */
    assert_int_equal(shell("$LESION run photos.yaml --quiet --db left.db --set data.take.count=50 --set "
                           "data.skip_broken=true"),
                     0);
    pictures_mend("bee/01.png");
    assert_int_equal(shell("$LESION run photos.yaml --quiet --db left.db --set data.take.count=50 --set "
                           "data.skip_broken=true"),
                     3);
    assert_said("belongs to something else");
}

static void sizes_that_differ_are_one_mistake(void **state)
{
    (void)state;
    assert_int_equal(shell("$LESION eval photos.yaml --set data.preprocess='{resize: 64}' --set data.take.count=9"), 3);
    assert_said("images differ in size from the others");
    assert_said("once resized");
    assert_said("add crop to preprocess");
    assert_int_equal(
        shell("$LESION eval photos.yaml --set data.preprocess='{resize: 64}' --set data.take.count=9 --set "
              "data.skip_broken=true"),
        3);
}

static void inspect_shows_what_there_is(void **state)
{
    (void)state;
    assert_int_equal(shell("echo > photos/notes.txt; $LESION inspect photos.yaml --sheet sheet.png --threads 2"), 0);
    assert_said("40 of 60, 32 x 32 x 1 after preprocessing (resize 36 bilinear, crop 32, mean 0.3, std 0.4)");
    assert_said("formats   PNG 50");
    assert_said("originals width 25 / ");
    assert_said("ignored   1 files");
    assert_said("dog");
    assert_int_equal(shell("head -c 24 sheet.png | tail -c 23 | head -c 3; rm photos/notes.txt"), 0);
    assert_string_equal(shell_output, "PNG");
    pictures_break("bee/01.png");
    assert_int_equal(shell("$LESION inspect photos.yaml --set data.take.count=50 --sheet sheet.png"), 3);
    assert_said("broken    1, which stop a run");
    assert_said("bee/01.png: is cut short");
    assert_int_equal(shell("$LESION inspect photos.yaml --set data.take.count=50 --set data.skip_broken=true"), 0);
    assert_said("broken    1, left out");
    pictures_mend("bee/01.png");
    assert_int_equal(shell("$LESION inspect photos.yaml --sheet-images 0"), 2);
    assert_int_equal(shell("$LESION inspect photos.yaml --sheet nowhere/sheet.png"), 1);
    assert_int_equal(shell("$LESION inspect study.yaml --sheet sheet.png --sheet-images 5"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_are_run_and_evaluated),
        cmocka_unit_test(a_broken_file_stops_a_run_before_it_begins),
        cmocka_unit_test(broken_files_are_left_out_where_the_study_says_so),
        cmocka_unit_test(sizes_that_differ_are_one_mistake),
        cmocka_unit_test(inspect_shows_what_there_is),
    };
    return cmocka_run_group_tests(tests, begin, shell_end);
}
