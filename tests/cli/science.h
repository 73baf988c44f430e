/* A study of everything that can be measured, and one whose jobs end early, in the folder of shell.h. */
#ifndef TESTS_CLI_SCIENCE_H
#define TESTS_CLI_SCIENCE_H

/* Writes science.yaml: scores that need the calibration images, all modes, masks of one and of several layers, all
 * metrics; and race.yaml, on 1,500 images. */
void science_write(void);

/* Everything such a study measured, but for times, written to a file. */
void science_dump(const char *database, const char *file);

#endif
