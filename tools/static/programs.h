/* The main functions of the programs that are one in mmfs-static: their sources are compiled again with the
 * name `main` replaced (meson.build). */
#ifndef MMFS_PROGRAMS_H
#define MMFS_PROGRAMS_H

int mmfs_main(int count, char **arguments);
int mkfs_main(int count, char **arguments);
int fsck_main(int count, char **arguments);
int ctl_main(int count, char **arguments);

#endif
