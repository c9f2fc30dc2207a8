/** Numbers of pcapng, https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html */

export const BLOCK_SECTION = 0x0a0d0d0a;
export const BLOCK_INTERFACE = 1;
/** Of old files; superseded by the enhanced one. */
export const BLOCK_PACKET = 2;
export const BLOCK_SIMPLE_PACKET = 3;
export const BLOCK_ENHANCED_PACKET = 6;

export const BYTE_ORDER_MAGIC = 0x1a2b3c4d;

// Options of any block
export const OPT_ENDOFOPT = 0;
export const OPT_COMMENT = 1;
// Of a section
export const SHB_USERAPPL = 4;
// Of an interface
export const IF_TSRESOL = 9;
export const IF_TSOFFSET = 14;
// Of an enhanced packet
export const EPB_FLAGS = 2;
export const EPB_DROPCOUNT = 4;
