/* The zip reader: entries are found where they stand, and whatever the bytes are, none lies outside the file. */
#include <stdbool.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/zip.h"
#include "torch_file.h"

static const char path[] = "file.zip";

static archive three_entries(bool wide)
{
    archive zip = {0};
    archive_add(&zip, "a/data.pkl", "0123456789", 10);
    archive_add(&zip, "a/data/10", "ten", 3);
    archive_add(&zip, "a/data/1", "", 0);
    archive_end(&zip, wide);
    return zip;
}

static void opened(const archive *from, lsn_zip *zip)
{
    lsn_error err = {0};
    lsn_file file = {.data = from->data, .bytes = from->bytes};
    if (!lsn_zip_open(zip, &file, path, &err))
        fail_msg("%s", err.text);
}

static void refused(const archive *from, const char *text)
{
    lsn_zip zip;
    lsn_error err = {0};
    lsn_file file = {.data = from->data, .bytes = from->bytes};
    assert_false(lsn_zip_open(&zip, &file, path, &err));
    assert_int_equal(err.code, LSN_INVALID);
    if (strstr(err.text, text) == NULL)
        fail_msg("expected \"%s\" in: %s", text, err.text);
    assert_non_null(strstr(err.text, path));
    assert_null(zip.entries);
}

static void entries_are_found(void **state)
{
    (void)state;
    for (int wide = 0; wide < 2; wide++) {
        archive from = three_entries(wide);
        lsn_zip zip;
        opened(&from, &zip);
        assert_int_equal(zip.count, 3);
        const lsn_zip_entry *entry = lsn_zip_find(&zip, "a/", 2, "data.pkl", 8);
        assert_non_null(entry);
        assert_int_equal(entry->bytes, 10);
        assert_memory_equal(entry->data, "0123456789", 10);
        assert_int_equal((entry->data - from.data) % 64, 0);
        entry = lsn_zip_find(&zip, "a/data/", 7, "10", 2);
        assert_non_null(entry);
        assert_memory_equal(entry->data, "ten", 3);
        entry = lsn_zip_find(&zip, "", 0, "a/data/1", 8);
        assert_non_null(entry);
        assert_int_equal(entry->bytes, 0);
        assert_null(lsn_zip_find(&zip, "a/", 2, "data", 4));
        assert_null(lsn_zip_find(&zip, "a/data/1", 8, "", 1));
        assert_null(lsn_zip_find(&zip, "a/data/10/longer/than/all", 25, "x", 1));
        assert_null(lsn_zip_find(&zip, "b/", 2, "data.pkl", 8));
        assert_null(lsn_zip_find(&zip, "", 0, "", 0));
        lsn_zip_close(&zip);
        free(from.data);
    }
}

static void an_archive_may_be_empty(void **state)
{
    (void)state;
    archive from = {0};
    archive_end(&from, false);
    lsn_zip zip;
    opened(&from, &zip);
    assert_int_equal(zip.count, 0);
    assert_null(lsn_zip_find(&zip, "a/", 2, "data.pkl", 8));
    lsn_zip_close(&zip);
    lsn_zip_close(&zip);
    free(from.data);
}

static void a_comment_may_follow(void **state)
{
    (void)state;
    archive from = three_entries(true);
    from.data = realloc(from.data, from.bytes + 9);
    memcpy(from.data + from.bytes, "PK\5\6 well", 9);
    from.data[from.bytes - 2] = 9;
    from.bytes += 9;
    lsn_zip zip;
    opened(&from, &zip);
    assert_int_equal(zip.count, 3);
    lsn_zip_close(&zip);
    free(from.data);
}

static void compressed_entries_have_no_data(void **state)
{
    (void)state;
    archive from = {.method = 8};
    archive_add(&from, "a", "0123456789", 10);
    archive_end(&from, true);
    lsn_zip zip;
    opened(&from, &zip);
    assert_null(lsn_zip_find(&zip, "", 0, "a", 1)->data);
    lsn_zip_close(&zip);
    free(from.data);
}

static void names_must_differ(void **state)
{
    (void)state;
    archive from = {0};
    archive_add(&from, "same", "1", 1);
    archive_add(&from, "other", "2", 1);
    archive_add(&from, "same", "3", 1);
    archive_end(&from, true);
    refused(&from, "two entries have the same name");
    free(from.data);
}

/* Where a text stands last. */
static unsigned char *last(const archive *in, const char *text, size_t bytes)
{
    for (size_t at = in->bytes - bytes;; at--)
        if (memcmp(in->data + at, text, bytes) == 0)
            return in->data + at;
}

static void patched(bool wide, const char *record, size_t offset, uint64_t number, int bytes, const char *text)
{
    archive from = three_entries(wide);
    unsigned char *at = last(&from, record, 4) + offset;
    for (int i = 0; i < bytes; i++)
        at[i] = (unsigned char)(number >> (8 * i));
    refused(&from, text);
    free(from.data);
}

static void numbers_that_lie_are_noticed(void **state)
{
    (void)state;
    static const char end[] = "PK\5\6", end_64[] = "PK\6\6", locator[] = "PK\6\7", entry[] = "PK\1\2",
                      local[] = "PK\3\4";
    patched(false, end, 0, 0, 1, "cut short");
    patched(false, end, 20, 1, 2, "cut short");
    patched(false, end, 10, 65535, 2, "directory does not fit");
    patched(false, end, 10, 4, 2, "directory does not fit");
    patched(false, end, 12, 100000, 4, "directory does not fit");
    patched(false, end, 16, 100000, 4, "directory does not fit");
    patched(false, end, 16, 1, 4, "fewer entries");
    patched(true, locator, 8, UINT64_MAX, 8, "zip64 end record");
    patched(true, locator, 8, 1, 8, "zip64 end record");
    patched(true, end_64, 32, UINT64_MAX / 46 + 1, 8, "directory does not fit");
    patched(true, end_64, 40, UINT64_MAX, 8, "directory does not fit");
    patched(true, end_64, 48, UINT64_MAX - 8, 8, "directory does not fit");
    patched(false, entry, 28, 65535, 2, "longer than its directory");
    patched(false, entry, 42, UINT32_MAX, 4, "not where the directory says");
    patched(false, entry, 42, 1, 4, "not where the directory says");
    patched(false, entry, 46, 'b', 1, "another name");
    patched(true, entry, 46 + 8 + 2, 23, 2, "extra fields");
    patched(true, entry, 46 + 8 + 2, 65535, 2, "extra fields");
    patched(true, entry, 46 + 8 + 4 + 16, UINT64_MAX - 4, 8, "not where the directory says");
    patched(false, local, 26, 65535, 2, "reaches into the directory");
    patched(false, local, 28, 65535, 2, "reaches into the directory");
}

static void an_entry_stays_before_the_directory(void **state)
{
    (void)state;
    archive from = three_entries(false);
    unsigned char *at = last(&from, "PK\1\2", 4);
    at[20] = at[24] = 1; /* sizes of the last, which has none */
    refused(&from, "reaches into the directory");
    free(from.data);
}

static void an_archive_cut_anywhere_is_refused(void **state)
{
    (void)state;
    archive from = three_entries(true);
    for (archive cut = from; cut.bytes-- > 0;) {
        cut.data = malloc(cut.bytes + 1);
        memcpy(cut.data, from.data, cut.bytes);
        refused(&cut, "cut short");
        free(cut.data);
    }
    free(from.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_found),
        cmocka_unit_test(an_archive_may_be_empty),
        cmocka_unit_test(a_comment_may_follow),
        cmocka_unit_test(compressed_entries_have_no_data),
        cmocka_unit_test(names_must_differ),
        cmocka_unit_test(numbers_that_lie_are_noticed),
        cmocka_unit_test(an_entry_stays_before_the_directory),
        cmocka_unit_test(an_archive_cut_anywhere_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
