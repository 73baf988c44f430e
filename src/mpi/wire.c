/* Messages are raw bytes between like machines: a header of fixed size, then arrays whose lengths it gives. */
#include "mpi/mpi_internal.h"

#include <stdlib.h>
#include <string.h>

typedef struct unit_header {
    int32_t unit, block, count;
} unit_header;

typedef struct result_header {
    int32_t unit, count, classes, unused;
    double seconds;
} result_header;

bool lsn_message_reserve(lsn_message *message, size_t size, lsn_error *err)
{
    if (size > message->room) {
        void *bytes = lsn_array(size, 1, err);
        if (bytes == NULL)
            return false;
        free(message->bytes);
        message->bytes = bytes;
        message->room = size;
    }
    message->size = size;
    return true;
}

bool lsn_wire_put_unit(lsn_message *message, const lsn_unit *unit, lsn_error *err)
{
    unit_header header = {unit->id, unit->block, unit->count};
    size_t list_bytes = (size_t)unit->count * sizeof *unit->evaluations;
    if (!lsn_message_reserve(message, sizeof header + list_bytes, err))
        return false;
    memcpy(message->bytes, &header, sizeof header);
    memcpy((char *)message->bytes + sizeof header, unit->evaluations, list_bytes);
    return true;
}

bool lsn_wire_get_unit(const lsn_message *message, lsn_unit_message *unit, lsn_error *err)
{
    unit_header header;
    if (message->size < sizeof header)
        return lsn_fail(err, LSN_FAILED, "a unit's message of %zu bytes is cut short", message->size);
    memcpy(&header, message->bytes, sizeof header);
    if (header.count < 1 || message->size != sizeof header + (size_t)header.count * sizeof(int32_t))
        return lsn_fail(err, LSN_FAILED, "a unit's message of %zu bytes does not hold its %d evaluations",
                        message->size, header.count);
    *unit = (lsn_unit_message){
        .unit = header.unit,
        .block = header.block,
        .count = header.count,
        .evaluations = (const int32_t *)((const char *)message->bytes + sizeof header),
    };
    return true;
}

static size_t result_bytes(int32_t count, int32_t classes)
{
    return sizeof(result_header) + (size_t)count * (sizeof(lsn_tally) + (size_t)classes * sizeof(int32_t));
}

static void point_into(const lsn_message *message, lsn_result *result)
{
    char *bytes = message->bytes;
    result->tallies = (lsn_tally *)(bytes + sizeof(result_header));
    result->class_right = (int32_t *)(result->tallies + result->count);
}

bool lsn_wire_begin_result(lsn_message *message, int32_t unit, int32_t count, int32_t classes, lsn_result *result,
                           lsn_error *err)
{
    if (!lsn_message_reserve(message, result_bytes(count, classes), err))
        return false;
    *result = (lsn_result){.unit = unit, .count = count, .classes = classes};
    point_into(message, result);
    return true;
}

void lsn_wire_seal_result(lsn_message *message, const lsn_result *result)
{
    result_header header = {result->unit, result->count, result->classes, 0, result->seconds};
    memcpy(message->bytes, &header, sizeof header);
}

bool lsn_wire_get_result(const lsn_message *message, lsn_result *result, lsn_error *err)
{
    result_header header;
    if (message->size < sizeof header)
        return lsn_fail(err, LSN_FAILED, "a result's message of %zu bytes is cut short", message->size);
    memcpy(&header, message->bytes, sizeof header);
    if (header.count < 1 || header.classes < 0 || message->size != result_bytes(header.count, header.classes))
        return lsn_fail(err, LSN_FAILED, "a result's message of %zu bytes does not hold its %d evaluations",
                        message->size, header.count);
    *result =
        (lsn_result){.unit = header.unit, .count = header.count, .classes = header.classes, .seconds = header.seconds};
    point_into(message, result);
    return true;
}
