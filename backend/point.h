/*
 * Named points on the way of a request. In mmfs as it ships they do nothing: point_reached is an empty
 * function in a file of its own, so that a test program linked from the same objects can have its own in that
 * place, which kills the process there or lets something fail (tests/supervise/points).
 */
#ifndef MMFS_POINT_H
#define MMFS_POINT_H

enum point {
	POINT_READ,	   /* a request has been read, and nothing was done for it */
	POINT_RECORD_NEXT, /* a record is complete, and not in the ring */
	POINT_RECORD_HELD, /* and the tail is kept from passing it, if it is a request's last one */
	POINT_RECORD_DONE, /* it is in the ring */
	POINT_REPLY_NEXT,  /* all is done but the reply */
	POINT_REPLY_DONE,  /* the kernel has the reply, and nothing was let go of */
	POINT_RECOVERY,	   /* a daemon that goes on is about to open the image; may fail */
	POINT_COUNT
};

/* 0, or the negative errno with which what comes next is to fail, at those points that say so. */
int point_reached(enum point point);

#endif
