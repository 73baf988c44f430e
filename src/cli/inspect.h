/* The two halves of inspect. Private to the command. */
#ifndef LESION_CLI_INSPECT_H
#define LESION_CLI_INSPECT_H

#include "cli/cli.h"

/* Prints what the network is: its file, its input, its layers. The input must be set. */
void lsn_print_layers(const lsn_net *net);

/* Prints the layer table of a weights file for images of that size, "224x224", or NULL for the size of which the last
 * map is as large as the average-pooled one. The exit code. */
int lsn_inspect_weights(const char *path, const char *input);

/* Prints the network and the images of a study, and draws the sheet. The exit code: that of a run that does not begin
 * where an image cannot be read. */
int lsn_inspect_study(lsn_options *options);

#endif
