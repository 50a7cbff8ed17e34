#include "CCurl.h"
typedef int unused;
