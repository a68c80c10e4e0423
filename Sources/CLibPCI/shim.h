// libpci (pciutils), GPL-2 or later: only CPCI includes it, and only where the package trait PCI is on.
#include <pci/pci.h>
