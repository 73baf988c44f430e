/* Messages are raw bytes between like machines: a header of fixed size, then arrays whose lengths it gives. */
#include "run/run_internal.h"

#include <stdlib.h>
#include <string.h>

typedef struct unit_header {
    int32_t unit, block, count;
} unit_header;

typedef struct result_header {
    int32_t unit, count;
    lsn_extent extent;
    int32_t unused;
    double seconds;
} result_header;

_Static_assert(sizeof(result_header) % sizeof(int64_t) == 0, "what follows the header is aligned");

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

bool lsn_wire_begin_result(lsn_message *message, int32_t unit, int32_t count, lsn_extent extent, lsn_result *result,
                           lsn_error *err)
{
    if (!lsn_message_reserve(message, sizeof(result_header) + lsn_outcome_bytes(extent, count), err))
        return false;
    *result = (lsn_result){.unit = unit, .count = count};
    result->outcome = lsn_outcome_in((char *)message->bytes + sizeof(result_header), extent, count);
    return true;
}

void lsn_wire_seal_result(lsn_message *message, const lsn_result *result)
{
    result_header header = {
        .unit = result->unit, .count = result->count, .extent = result->outcome.extent, .seconds = result->seconds};
    memcpy(message->bytes, &header, sizeof header);
}

bool lsn_wire_get_result(const lsn_message *message, lsn_result *result, lsn_error *err)
{
    result_header header;
    if (message->size < sizeof header)
        return lsn_fail(err, LSN_FAILED, "a result's message of %zu bytes is cut short", message->size);
    memcpy(&header, message->bytes, sizeof header);
    const lsn_extent e = header.extent;
    if (header.count < 1 || e.classes < 0 || e.images < 0 || e.layers < 0 ||
        message->size != sizeof header + lsn_outcome_bytes(e, header.count))
        return lsn_fail(err, LSN_FAILED, "a result's message of %zu bytes does not hold its %d evaluations",
                        message->size, header.count);
    *result = (lsn_result){.unit = header.unit, .count = header.count, .seconds = header.seconds};
    result->outcome = lsn_outcome_in((char *)message->bytes + sizeof header, e, header.count);
    return true;
}
