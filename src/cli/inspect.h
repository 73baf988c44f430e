/* The two halves of inspect. Private to the command. */
#ifndef LESION_CLI_INSPECT_H
#define LESION_CLI_INSPECT_H

#include "cli/cli.h"

/* Prints what the network is: its file, its input, its layers. The input must be set. */
void lsn_print_layers(const lsn_net *net);

/* Prints the layer table of a weights file for images of that size, "224x224", or NULL for the size of which the last
 * map is as large as the average-pooled one. The exit code. */
int lsn_inspect_weights(const char *path, const char *input);

/* How a study is inspected. */
typedef struct lsn_inspect_options {
    const char *sheet; /* the contact sheet's path; NULL: none */
    int sheet_images;  /* on it, at most */
    int threads;       /* that decode images; 0: one */
} lsn_inspect_options;

/* Prints the network and the images of a study, and draws the sheet. The exit code: that of a run that does not begin
 * where an image cannot be read. */
int lsn_inspect_study(const char *path, const lsn_overrides *overrides, const lsn_inspect_options *options);

#endif
