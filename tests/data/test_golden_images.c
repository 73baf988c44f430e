/* Decoding against Pillow, resizing and cropping against torchvision, to the bit: tools/make_image_golden.py made the
 * files and the digests. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/data_internal.h"

static const char *golden(const char *name)
{
    static char path[1024];
    const char *source = getenv("LESION_SOURCE");
    snprintf(path, sizeof path, "%s/tests/golden/%s", source == NULL ? "." : source, name);
    return path;
}

/* Whether the pixels have that SHA-256. */
static bool is(const unsigned char *pixels, size_t bytes, const char *hex)
{
    lsn_digest digest;
    char found[LSN_HEX_BYTES];
    lsn_hasher *hasher = lsn_hasher_create(NULL);
    assert_non_null(hasher);
    lsn_hasher_add(hasher, pixels, bytes);
    assert_true(lsn_hasher_take(hasher, &digest, NULL));
    lsn_hasher_destroy(hasher);
    lsn_digest_hex(&digest, found);
    return strcmp(found, hex) == 0;
}

/* Calls `check` with every line that begins with `word`; the number of them. */
static int each_line(const char *word, void (*check)(const char *rest))
{
    int count = 0;
    char line[512];
    FILE *file = fopen(golden("images.txt"), "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, word, strlen(word)) == 0 && line[strlen(word)] == ' ') {
            line[strcspn(line, "\n")] = '\0';
            check(line + strlen(word) + 1);
            count++;
        }
    fclose(file);
    return count;
}

static const char *image_path(const char *name)
{
    char below[200];
    snprintf(below, sizeof below, "images/%s", name);
    return golden(below);
}

static void check_decode(const char *rest)
{
    char name[100], rgb[LSN_HEX_BYTES], grey[LSN_HEX_BYTES];
    int w, h;
    assert_int_equal(sscanf(rest, "%99s %d %d %64s %64s", name, &w, &h, rgb, grey), 5);
    for (int channels = 1; channels <= 3; channels += 2) {
        lsn_file file;
        lsn_error err = {0};
        lsn_pixels pixels = {0};
        lsn_image_header header, alone;
        assert_true(lsn_file_map(&file, image_path(name), &err));
        if (!lsn_decode(&file, name, channels, &header, &pixels, &err))
            fail_msg("%s", err.text);
        assert_true(lsn_decode(&file, name, channels, &alone, NULL, &err));
        if (pixels.w != w || pixels.h != h || pixels.channels != channels || header.w != w || header.h != h)
            fail_msg("%s (%s): %d x %d x %d", name, header.form, pixels.w, pixels.h, pixels.channels);
        assert_int_equal(alone.h, h);
        assert_int_equal(alone.w, w);
        assert_string_equal(alone.form, header.form);
        if (!is(pixels.data, (size_t)w * (size_t)h * (size_t)channels, channels == 1 ? grey : rgb))
            fail_msg("%s (%s): other pixels in %d channels than Pillow's", name, header.form, channels);
        lsn_pixels_finish(&pixels);
        lsn_file_unmap(&file);
    }
}

static void files_decode_as_in_pillow(void **state)
{
    (void)state;
    assert_in_range(each_line("decode", check_decode), 40, 200);
}

static void check_broken(const char *name)
{
    lsn_file file;
    lsn_error err = {0};
    lsn_pixels pixels = {0};
    lsn_image_header header;
    assert_true(lsn_file_map(&file, image_path(name), &err));
    if (lsn_decode(&file, name, 3, &header, &pixels, &err))
        fail_msg("%s was decoded", name);
    assert_int_equal(err.code, LSN_INVALID);
    if (strncmp(err.text, name, strlen(name)) != 0 || strchr(err.text, '\n') != NULL)
        fail_msg("%s", err.text);
    lsn_pixels_finish(&pixels);
    lsn_file_unmap(&file);
}

static void what_pillow_refuses_is_refused(void **state)
{
    (void)state;
    assert_in_range(each_line("broken", check_broken), 8, 100);
}

/* ---- shapes -------------------------------------------------------------------------------------------------- */

static unsigned char value(int x, int y, int c)
{
    int patch = (x / 8 + y / 8) % 3;
    return (unsigned char)(patch == 0   ? x * x * 7 + y * y * 13 + x * y * 3 + c * 85
                           : patch == 1 ? 255 * ((x + y + c) % 2)
                                        : 3 * x + 5 * y + 60 * c);
}

static void paint(lsn_pixels *picture, int w, int h)
{
    assert_true(lsn_pixels_create(picture, h, w, 3, NULL));
    unsigned char *out = picture->data;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            for (int c = 0; c < 3; c++)
                *out++ = value(x, y, c);
}

static void check_shape(const char *rest)
{
    char name[20], hex[LSN_HEX_BYTES];
    int w, h, out_w, out_h, found_h, found_w;
    lsn_preprocess preprocess = {0};
    lsn_pixels picture = {0}, out = {0};
    assert_int_equal(sscanf(rest, "%d %d %d %d %19s %d %d %64s", &w, &h, &preprocess.resize, &preprocess.crop, name,
                            &out_w, &out_h, hex),
                     8);
    preprocess.interpolation = strcmp(name, "bicubic") == 0 ? LSN_BICUBIC : LSN_BILINEAR;
    paint(&picture, w, h);
    assert_true(lsn_reshaped_size(&preprocess, h, w, &found_h, &found_w));
    if (found_h != out_h || found_w != out_w)
        fail_msg("%s: the size is %d x %d", rest, found_w, found_h);
    assert_true(lsn_pixels_create(&out, out_h, out_w, 3, NULL));
    assert_true(lsn_reshape(&preprocess, &picture, out.data, NULL));
    if (!is(out.data, 3 * (size_t)out_w * (size_t)out_h, hex))
        fail_msg("%s: other pixels than torchvision's", rest);
    lsn_pixels_finish(&picture);
    lsn_pixels_finish(&out);
}

static void shapes_are_torchvisions(void **state)
{
    (void)state;
    assert_in_range(each_line("shape", check_shape), 40, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_decode_as_in_pillow),
        cmocka_unit_test(what_pillow_refuses_is_refused),
        cmocka_unit_test(shapes_are_torchvisions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
