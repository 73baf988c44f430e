/* A file's tensors by the modules that they belong to. Private to the room. */
#ifndef LESION_FORMATS_MODULES_H
#define LESION_FORMATS_MODULES_H

#include "formats/container.h"

/* A module with tensors: features.0 has features.0.weight and features.0.bias. */
typedef struct lsn_module {
    const char *path; /* without what all names of the file begin with; not ended by 0; may be empty */
    size_t path_bytes;
    size_t order;                                           /* of its first tensor in the file */
    const lsn_tensor *weight, *bias, *mean, *var, *counter; /* NULL where it has none */
} lsn_module;

typedef struct lsn_modules {
    lsn_module *items; /* in the order of the file */
    size_t count;
} lsn_modules;

/* LSN_INVALID where a tensor is none that a convolution, a fully connected layer or a batch normalisation has, or where
 * one of these lacks a tensor. The tensors must outlive `modules`, which is to be finished, on failure too. */
bool lsn_modules_collect(lsn_modules *modules, const lsn_weights *weights, lsn_error *err);
void lsn_modules_finish(lsn_modules *modules);

/* A batch normalisation: it has running means and variances. */
bool lsn_module_is_norm(const lsn_module *module);
/* A batch normalisation's path as it is in the file, with what all names begin with. To be freed. */
char *lsn_module_name(const lsn_module *norm, lsn_error *err);
/* A module's path without what all names begin with. To be freed. */
char *lsn_module_path(const lsn_module *module, lsn_error *err);
/* Whether its path is this text. */
bool lsn_module_is(const lsn_module *module, const char *path);
/* The number N of a path "SECTION.N"; -1 where it is no such path. A number has no leading zeros and at most 4 digits,
 * so that no two paths mean the same. */
int lsn_module_number(const lsn_module *module, const char *section);

/* Compares paths as people number them: fc2 before fc10. */
int lsn_module_compare(const lsn_module *a, const lsn_module *b);

#endif
