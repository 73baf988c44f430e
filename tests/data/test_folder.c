/* Folders of images: which files, in which order, of which class. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "image_files.h"

static char root[PATH_MAX];
static lsn_data_spec spec;

static const char *at(const char *below)
{
    static char path[2 * PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", root, below);
    return path;
}

static void make_folder(const char *below)
{
    assert_int_equal(mkdir(at(below), 0777), 0);
}

static void make_file(const char *below, const char *text)
{
    FILE *file = fopen(at(below), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* A picture of one colour. */
static void make_image(const char *below, int h, int w, unsigned char shade)
{
    unsigned char pixels[64 * 64 * 3];
    assert_in_range(h * w, 1, 64 * 64);
    memset(pixels, shade, sizeof pixels);
    assert_true(lsn_png_write(at(below), pixels, h, w, NULL));
}

static int set_up(void **state)
{
    (void)state;
    const char *tmp = getenv("TMPDIR");
    snprintf(root, sizeof root, "%s/lesion-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    if (mkdtemp(root) == NULL)
        return -1;
    make_folder("b");
    make_folder("b/deep");
    make_folder("b/deep/er");
    make_folder("a");
    make_folder("a-z");
    make_image("b/2.png", 4, 4, 20);
    make_image("b/deep/1.PNG", 4, 4, 21);
    make_image("b/deep/er/3.jpg", 4, 4, 22); /* what it is called is not what it is */
    make_image("a/x.jpeg", 4, 4, 10);
    make_image("a/B.png", 4, 4, 11);
    make_image("a-z/0.png", 4, 4, 30);
    make_file("a/.hidden.png", "");
    make_file("a/notes.txt", "");
    make_file("a/png", "");
    make_file("readme.md", "");
    spec = (lsn_data_spec){.format = LSN_IMAGEFOLDER, .path = root};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    char command[PATH_MAX + 16];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static const char *write_classes(const char *text)
{
    make_file("classes.txt", text);
    spec.classes = strdup(at("classes.txt"));
    return spec.classes;
}

static void drop_classes(void)
{
    free((void *)(uintptr_t)spec.classes);
    spec.classes = NULL;
}

/* "path label" of all images, one after another. */
static void check_list(const lsn_data *data, const char *expected)
{
    lsn_text list = {0};
    char name[LSN_IMAGE_NAME_BYTES];
    for (int i = 0; i < lsn_data_count(data); i++)
        lsn_text_add(&list, "%s%s %d", i > 0 ? ", " : "", lsn_data_image_name(data, i, name), lsn_data_label(data, i));
    assert_string_equal(list.data, expected);
    lsn_text_finish(&list);
}

static void folders_are_classes_in_bytewise_order(void **state)
{
    (void)state;
    lsn_data *data = opened(&spec);
    assert_int_equal(lsn_data_classes(data), 3);
    assert_string_equal(lsn_data_class_name(data, 0), "a");
    assert_string_equal(lsn_data_class_name(data, 1), "a-z");
    assert_string_equal(lsn_data_class_name(data, 2), "b");
    check_list(data, "a-z/0.png 1, a/B.png 0, a/x.jpeg 0, b/2.png 2, b/deep/1.PNG 2, b/deep/er/3.jpg 2");
    assert_int_equal(lsn_data_passed_over(data), 4);
    assert_int_equal(lsn_data_height(data), 4);
    assert_int_equal(lsn_data_channels(data), 3);
    assert_true(lsn_data_is_costly(data));
    lsn_data_destroy(data);
}

static void a_file_orders_and_names_the_classes(void **state)
{
    (void)state;
    make_folder("two words");
    make_image("two words/w.png", 4, 4, 1);
    write_classes("b second, of letters\nnowhere\ntwo words\na\tthe first\n");
    lsn_data *data = opened(&spec);
    assert_int_equal(lsn_data_classes(data), 4);
    assert_string_equal(lsn_data_class_name(data, 0), "second, of letters");
    assert_string_equal(lsn_data_class_name(data, 1), "nowhere"); /* it has no images */
    assert_string_equal(lsn_data_class_name(data, 2), "two words");
    assert_string_equal(lsn_data_class_name(data, 3), "the first");
    check_list(data, "a/B.png 3, a/x.jpeg 3, b/2.png 0, b/deep/1.PNG 0, b/deep/er/3.jpg 0, two words/w.png 2");
    assert_int_equal(lsn_data_passed_over(data), 6); /* classes.txt and a-z too */
    lsn_data_destroy(data);
    drop_classes();
}

static void bad_classes_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said, *also;
    } cases[] = {
        {"a\nb\na x\n", "classes.txt:3: the folder a is in line 1 too", ""},
        {"a\n../b\n", "classes.txt:2: begins with \"../b\"", "cannot be the name of a class's folder"},
        {"a\nb/deep\n", "classes.txt:2: begins with \"b/deep\"", ""},
        {" a\n", "classes.txt:1: begins with \"\"", ""},
        {"x\ny\n", "has no JPEG or PNG file in the folder of any class", ""},
        {"\n", "names no class", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_classes(cases[i].text);
        not_opened(&spec, cases[i].said, cases[i].also);
        drop_classes();
    }
}

static void links_are_followed(void **state)
{
    (void)state;
    make_folder("c");
    assert_int_equal(symlink("../a/B.png", at("c/link.png")), 0);
    assert_int_equal(symlink("nowhere.png", at("c/broken.png")), 0);
    assert_int_equal(symlink("../b/deep", at("c/folder")), 0);
    lsn_data *data = opened(&spec);
    assert_int_equal(lsn_data_count(data), 6 + 3);
    assert_int_equal(lsn_data_passed_over(data), 5);
    lsn_data_destroy(data);
    assert_int_equal(symlink("..", at("c/up")), 0);
    not_opened(&spec, "more than 32 deep", "does a link lead back");
}

static void a_folder_without_classes_is_explained(void **state)
{
    (void)state;
    char flat[2 * PATH_MAX];
    snprintf(flat, sizeof flat, "%s", at("b/deep/er"));
    spec.path = flat;
    not_opened(&spec, "has 1 images, but none in a folder of its class", "one folder a class");
    snprintf(flat, sizeof flat, "%s", at("a/notes.txt"));
    not_opened(&spec, "notes.txt: cannot be listed", "");
}

/* ---- decoding ------------------------------------------------------------------------------------------------ */

static void pixels_are_fetched_and_normalised(void **state)
{
    (void)state;
    float out[2 * 4 * 4 * 3];
    spec.preprocess = (lsn_preprocess){.channels = 3, .mean = {0, 0.5f, 1}, .std = {1, 1, 2}};
    lsn_data *data = opened(&spec);
    assert_true(lsn_data_load(data, (int32_t[]){3, 0}, 2, out, NULL));
    for (int i = 0; i < 16; i++) {
        assert_true(out[3 * i] == 20 / 255.0f);
        assert_true(out[3 * i + 1] == 20 / 255.0f - 0.5f);
        assert_true(out[48 + 3 * i + 2] == (30 / 255.0f - 1) / 2);
    }
    lsn_data_destroy(data);
    spec.channels = 1;
    spec.preprocess = (lsn_preprocess){.crop = 2, .pad = 1};
    data = opened(&spec);
    assert_int_equal(lsn_data_channels(data), 1);
    assert_int_equal(lsn_data_width(data), 4);
    assert_true(lsn_data_load(data, (int32_t[]){3}, 1, out, NULL));
    for (int i = 0; i < 16; i++)
        assert_true(out[i] == (i == 5 || i == 6 || i == 9 || i == 10 ? 20 / 255.0f : 0));
    lsn_data_destroy(data);
}

static void a_check_tells_what_an_image_is(void **state)
{
    (void)state;
    lsn_image_check check;
    lsn_error err = {0};
    make_image("a/odd.png", 4, 5, 1);
    make_file("a/text.png", "no image");
    spec.preprocess = (lsn_preprocess){0};
    lsn_data *data = opened(&spec); /* a-z/0, a/B, a/odd, a/text, ... */
    assert_true(lsn_data_check(data, 0, NULL, &check, &err));
    assert_true(check.readable);
    assert_string_equal(check.form, "PNG");
    assert_int_equal(check.width, 4);
    assert_false(lsn_data_check(data, 2, NULL, &check, &err));
    assert_true(check.readable);
    assert_true(check.odd_size);
    assert_int_equal(check.width, 5);
    assert_non_null(strstr(err.text, "a/odd.png: has another size: 5 x 4, not 4 x 4 as a-z/0.png; add crop"));
    assert_false(lsn_data_check(data, 3, NULL, &check, &err));
    assert_false(check.readable);
    assert_int_equal(err.code, LSN_INVALID);
    assert_non_null(strstr(err.text, "a/text.png: is neither a JPEG nor a PNG file"));
    float out[4 * 5 * 3];
    assert_false(lsn_data_load(data, (int32_t[]){3}, 1, out, NULL));
    lsn_data_destroy(data);
    spec.preprocess.crop = 3;
    data = opened(&spec);
    assert_true(lsn_data_check(data, 2, NULL, &check, &err));
    assert_false(check.odd_size);
    lsn_data_destroy(data);
}

/* The same pixels, by whatever way, have the same digest. */
static void digests_are_of_pixels(void **state)
{
    (void)state;
    lsn_image_check one, two;
    unsigned char items[2 * 2 * 3];
    memset(items, 20, sizeof items);
    spec.preprocess = (lsn_preprocess){.resize = 3, .crop = 2};
    lsn_data *data = opened(&spec);
    assert_true(lsn_data_check(data, 3, NULL, &one, NULL));
    lsn_data_destroy(data);
    lsn_data_spec npy_spec = {.format = LSN_NPY};
    FILE *file = fopen(at("images.npy"), "wb");
    bytes images = npy(1, "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 2, 3)}", items, sizeof items);
    assert_int_equal(fwrite(images.data, 1, images.count, file), images.count);
    fclose(file);
    free(images.data);
    file = fopen(at("labels.npy"), "wb");
    bytes labels = npy_labels(1, 1);
    assert_int_equal(fwrite(labels.data, 1, labels.count, file), labels.count);
    fclose(file);
    free(labels.data);
    npy_spec.images = strdup(at("images.npy"));
    npy_spec.labels = strdup(at("labels.npy"));
    data = opened(&npy_spec);
    assert_true(lsn_data_check(data, 0, NULL, &two, NULL));
    lsn_data_destroy(data);
    free((void *)(uintptr_t)npy_spec.images);
    free((void *)(uintptr_t)npy_spec.labels);
    assert_memory_equal(&one.digest, &two.digest, sizeof one.digest);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(folders_are_classes_in_bytewise_order),
        TEST(a_file_orders_and_names_the_classes),
        TEST(bad_classes_are_refused),
        TEST(links_are_followed),
        TEST(a_folder_without_classes_is_explained),
        TEST(pixels_are_fetched_and_normalised),
        TEST(a_check_tells_what_an_image_is),
        TEST(digests_are_of_pixels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
