/* heap.h: how the C library's heap keeps freed memory, and when it gives it back. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

/* Before the first thread is started. */
void heap_init(void);

/* Gives back to the system what is free, after a peak: takes about a millisecond. */
void heap_trim(void);

#endif
