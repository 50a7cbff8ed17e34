// Counts allocations, for tests: malloc(3) and its kin of the whole process come through here.
#ifndef CALLOCATIONS_H
#define CALLOCATIONS_H

/// How often the calling thread has allocated or grown memory.
unsigned long callocations_of_this_thread(void);

#endif
