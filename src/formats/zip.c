/* The format is PKWARE's APPNOTE 6.3: local headers and data, the directory, its end. All numbers little-endian. */
#include "formats/zip.h"

#include <stdlib.h>
#include <string.h>

enum {
    LOCAL = 0x04034b50,
    ENTRY = 0x02014b50,
    END = 0x06054b50,
    END_64 = 0x06064b50,
    LOCATOR_64 = 0x07064b50,
    LOCAL_BYTES = 30,
    ENTRY_BYTES = 46,
    END_BYTES = 22,
    END_64_BYTES = 56,
    LOCATOR_64_BYTES = 20,
    EXTRA_64 = 1, /* the extra field with sizes that do not fit into 32 bits */
    ENCRYPTED = 1,
    LONGEST_COMMENT = 65535,
};

/* The directory of the archive, and what is read of it. */
typedef struct directory {
    const lsn_file *file;
    const char *path;
    size_t begin, bytes, count;
} directory;

static uint64_t number_at(const unsigned char *at, int bytes)
{
    uint64_t number = 0;
    for (int i = 0; i < bytes; i++)
        number |= (uint64_t)at[i] << (8 * i);
    return number;
}

static bool begins_with(const lsn_file *file, size_t at, uint32_t signature)
{
    return number_at(file->data + at, 4) == signature;
}

static bool damaged(const char *path, const char *what, lsn_error *err)
{
    return lsn_fail_at(err, LSN_INVALID, path, "is a damaged zip file: %s; copy or download the file again", what);
}

/* ---- the end of the directory -------------------------------------------------------------------------------- */

/* Where the end record stands: the last one whose comment reaches the end of the file. */
static bool find_end(const lsn_file *file, size_t *at)
{
    if (file->bytes < END_BYTES)
        return false;
    size_t last = file->bytes - END_BYTES, most = last < LONGEST_COMMENT ? last : LONGEST_COMMENT;
    for (size_t comment = 0; comment <= most; comment++) {
        *at = last - comment;
        if (begins_with(file, *at, END) && number_at(file->data + *at + 20, 2) == comment)
            return true;
    }
    return false;
}

/* The zip64 end record before the end record at `end`, which it then replaces. */
static bool read_end_64(directory *in, size_t end, uint64_t *begin, uint64_t *bytes, uint64_t *count, lsn_error *err)
{
    const lsn_file *file = in->file;
    if (end < LOCATOR_64_BYTES || !begins_with(file, end - LOCATOR_64_BYTES, LOCATOR_64))
        return true;
    uint64_t at = number_at(file->data + end - LOCATOR_64_BYTES + 8, 8);
    if (at > end - LOCATOR_64_BYTES || end - LOCATOR_64_BYTES - at < END_64_BYTES || !begins_with(file, at, END_64))
        return damaged(in->path, "its zip64 end record is not where it should be", err);
    *count = number_at(file->data + at + 32, 8);
    *bytes = number_at(file->data + at + 40, 8);
    *begin = number_at(file->data + at + 48, 8);
    return true;
}

static bool find_directory(directory *in, lsn_error *err)
{
    size_t end;
    if (!find_end(in->file, &end))
        return lsn_fail_at(
            err, LSN_INVALID, in->path,
            "is a zip file that is cut short: the directory at its end is missing; copy or download the file again");
    const unsigned char *record = in->file->data + end;
    uint64_t count = number_at(record + 10, 2), bytes = number_at(record + 12, 4), begin = number_at(record + 16, 4);
    if (!read_end_64(in, end, &begin, &bytes, &count, err))
        return false;
    if (begin > end || bytes > end - begin || count > bytes / ENTRY_BYTES)
        return damaged(in->path, "its directory does not fit into the file", err);
    in->begin = (size_t)begin;
    in->bytes = (size_t)bytes;
    in->count = (size_t)count;
    return true;
}

/* ---- entries ------------------------------------------------------------------------------------------------- */

/* An entry as the directory describes it. */
typedef struct description {
    uint64_t packed, bytes, header; /* sizes; where its local header stands */
    int method, flags;
} description;

/* Replaces the numbers that are all ones by those of the zip64 extra field, which stand there in this order. */
static bool read_extra(description *d, const unsigned char *extra, size_t bytes)
{
    uint64_t *wide[] = {&d->bytes, &d->packed, &d->header};
    while (bytes >= 4) {
        size_t id = number_at(extra, 2), size = number_at(extra + 2, 2);
        if (size > bytes - 4)
            return false;
        const unsigned char *at = extra + 4;
        for (int i = 0; id == EXTRA_64 && i < 3; i++) {
            if (*wide[i] != UINT32_MAX)
                continue;
            if (at + 8 > extra + 4 + size)
                return false;
            *wide[i] = number_at(at, 8);
            at += 8;
        }
        extra += 4 + size;
        bytes -= 4 + size;
    }
    return true;
}

/* Finds the data behind the local header. */
static bool find_data(const directory *in, const description *d, lsn_zip_entry *entry, lsn_error *err)
{
    const lsn_file *file = in->file;
    if (d->header > in->begin || in->begin - d->header < LOCAL_BYTES || !begins_with(file, d->header, LOCAL))
        return damaged(in->path, "an entry's header is not where the directory says", err);
    const unsigned char *local = file->data + d->header;
    size_t names = number_at(local + 26, 2), extras = number_at(local + 28, 2);
    size_t rest = in->begin - d->header - LOCAL_BYTES;
    if (names + extras > rest || d->bytes > rest - names - extras)
        return damaged(in->path, "an entry reaches into the directory", err);
    if (names != entry->name_bytes || memcmp(local + LOCAL_BYTES, entry->name, names) != 0)
        return damaged(in->path, "an entry has another name than the directory says", err);
    entry->data = local + LOCAL_BYTES + names + extras;
    entry->bytes = (size_t)d->bytes;
    return true;
}

/* Reads the entry at *at, which moves on; `end` is that of the directory. */
static bool read_entry(const directory *in, size_t *at, size_t end, lsn_zip_entry *entry, lsn_error *err)
{
    const unsigned char *record = in->file->data + *at;
    if (end - *at < ENTRY_BYTES || !begins_with(in->file, *at, ENTRY))
        return damaged(in->path, "its directory has fewer entries than it says", err);
    description d = {
        .packed = number_at(record + 20, 4),
        .bytes = number_at(record + 24, 4),
        .header = number_at(record + 42, 4),
        .method = (int)number_at(record + 10, 2),
        .flags = (int)number_at(record + 8, 2),
    };
    size_t names = number_at(record + 28, 2), extras = number_at(record + 30, 2), comments = number_at(record + 32, 2);
    if (names + extras + comments > end - *at - ENTRY_BYTES)
        return damaged(in->path, "an entry is longer than its directory", err);
    *entry = (lsn_zip_entry){.name = (const char *)record + ENTRY_BYTES, .name_bytes = names};
    if (!read_extra(&d, record + ENTRY_BYTES + names, extras))
        return damaged(in->path, "an entry's extra fields do not fit", err);
    *at += ENTRY_BYTES + names + extras + comments;
    bool plain = d.method == 0 && (d.flags & ENCRYPTED) == 0 && d.packed == d.bytes;
    return !plain || find_data(in, &d, entry, err);
}

static int compare_names(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    int order = memcmp(a, b, a_bytes < b_bytes ? a_bytes : b_bytes);
    return order != 0 ? order : (a_bytes > b_bytes) - (a_bytes < b_bytes);
}

static int by_name(const void *a, const void *b)
{
    const lsn_zip_entry *one = a, *two = b;
    return compare_names(one->name, one->name_bytes, two->name, two->name_bytes);
}

static bool read_entries(lsn_zip *zip, const directory *in, lsn_error *err)
{
    size_t at = in->begin;
    zip->entries = lsn_array(in->count, sizeof *zip->entries, err);
    if (zip->entries == NULL)
        return false;
    for (; zip->count < in->count; zip->count++)
        if (!read_entry(in, &at, in->begin + in->bytes, &zip->entries[zip->count], err))
            return false;
    qsort(zip->entries, zip->count, sizeof *zip->entries, by_name);
    for (size_t i = 1; i < zip->count; i++)
        if (by_name(&zip->entries[i - 1], &zip->entries[i]) == 0)
            return damaged(in->path, "two entries have the same name", err);
    return true;
}

bool lsn_zip_open(lsn_zip *zip, const lsn_file *file, const char *path, lsn_error *err)
{
    directory in = {.file = file, .path = path};
    *zip = (lsn_zip){0};
    if (find_directory(&in, err) && read_entries(zip, &in, err))
        return true;
    lsn_zip_close(zip);
    return false;
}

void lsn_zip_close(lsn_zip *zip)
{
    free(zip->entries);
    *zip = (lsn_zip){0};
}

const lsn_zip_entry *lsn_zip_find(const lsn_zip *zip, const char *folder, size_t folder_bytes, const char *name,
                                  size_t name_bytes)
{
    size_t low = 0, high = zip->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const lsn_zip_entry *entry = &zip->entries[middle];
        size_t in_folder = entry->name_bytes < folder_bytes ? entry->name_bytes : folder_bytes;
        int order = compare_names(folder, folder_bytes, entry->name, in_folder);
        if (order == 0)
            order = compare_names(name, name_bytes, entry->name + in_folder, entry->name_bytes - in_folder);
        if (order == 0)
            return entry;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
