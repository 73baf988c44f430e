/* A folder of PNG files of many sizes, and a study of them, photos.yaml; to be used in the folder of shell_begin. */
#ifndef TESTS_CLI_PICTURES_H
#define TESTS_CLI_PICTURES_H

/* photos/{ant,bee,cat,dog}/NN.png, 60 in all, and photos.yaml, which takes 40 of them and 10 for calibration. */
void pictures_write(void);
/* Cuts one of the files that the study takes in two; puts it right again. */
void pictures_break(const char *name);
void pictures_mend(const char *name);

#endif
