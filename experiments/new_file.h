/* new_file.h: files that a command writes for the user to go on with; none is overwritten (cmd_new.c). */
#ifndef OFFSIM_EXPERIMENTS_NEW_FILE_H
#define OFFSIM_EXPERIMENTS_NEW_FILE_H

struct arena;

/* A shipped text; NULL with errno when it cannot be read. */
char *new_file_read(struct arena *, const char *path);
/* An exit code; says why on stderr. */
int new_file_write(const char *to, const char *text);

#endif
