/* Names of classes: a text file of one name a line. */
#include "data/data_internal.h"

#include <stdlib.h>
#include <string.h>

/* Cuts the text into lines and checks them. Line i names class i. */
static bool cut_lines(lsn_class_names *classes, size_t bytes, const char *path, lsn_error *err)
{
    size_t room = 0;
    char *end = classes->text + bytes;
    for (char *line = classes->text, *next; line < end; line = next) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        stop = stop == NULL ? end : stop;
        next = stop + 1;
        if (stop > line && stop[-1] == '\r')
            stop--;
        *stop = '\0';
        for (const char *c = line; c < stop; c++)
            if ((unsigned char)*c < ' ' && *c != '\t')
                return lsn_fail_line(err, LSN_INVALID, path, classes->count + 1,
                                     "a control character: expected a text file of class names");
        if (classes->count == LSN_MAX_CLASSES)
            return lsn_fail_at(err, LSN_INVALID, path, "has more than %d lines, the most classes there can be",
                               LSN_MAX_CLASSES);
        if (!lsn_grow((void **)&classes->names, (size_t)classes->count, &room, sizeof *classes->names, err))
            return false;
        classes->names[classes->count++] = line;
    }
    return true;
}

bool lsn_class_names_read(lsn_class_names *classes, const char *path, lsn_error *err)
{
    lsn_file file;
    if (!lsn_file_map(&file, path, err))
        return false;
    size_t bytes = file.bytes;
    classes->text = lsn_array(bytes + 1, 1, err);
    if (classes->text != NULL && bytes > 0)
        memcpy(classes->text, file.data, bytes);
    lsn_file_unmap(&file);
    if (classes->text == NULL || !cut_lines(classes, bytes, path, err))
        return false;
    while (classes->count > 0 && classes->names[classes->count - 1][0] == '\0')
        classes->count--;
    if (classes->count == 0)
        return lsn_fail_at(err, LSN_INVALID, path, "names no class: expected one name a line");
    for (int i = 0; i < classes->count; i++)
        if (classes->names[i][0] == '\0')
            return lsn_fail_line(err, LSN_INVALID, path, i + 1, "the name of class %d is empty", i);
    return true;
}

void lsn_class_names_finish(lsn_class_names *classes)
{
    free(classes->names);
    free(classes->text);
    *classes = (lsn_class_names){0};
}
