//! Checksums of transport headers.

use ferrule_ruleset::protocol::Protocol;

use super::{Packet, octets};

/// Writes the checksum to where the protocol has it.
pub fn seal(packet: &Packet, transport: &mut [u8]) {
    let protocol = packet.payload.protocol();
    let place = match protocol {
        Protocol::TCP => 16,
        Protocol::UDP | Protocol::UDPLITE => 6,
        Protocol::ICMP | Protocol::ICMPV6 => 2,
        Protocol::SCTP => {
            let sum = crc32c(transport).to_le_bytes();
            return transport[8..12].copy_from_slice(&sum);
        }
        Protocol(_) => return,
    };
    let mut covered = Vec::new();
    if protocol != Protocol::ICMP {
        covered.extend(octets(packet.source));
        covered.extend(octets(packet.destination));
        covered.extend((transport.len() as u32).to_be_bytes());
        covered.extend([0, 0, 0, protocol.0]);
    }
    covered.extend_from_slice(transport);
    let sum = match internet(&covered) {
        // For UDP, 0 would mean that there is none.
        0 => 0xffff,
        sum => sum,
    };
    transport[place..place + 2].copy_from_slice(&sum.to_be_bytes());
}

/// The internet checksum (RFC 1071).
fn internet(bytes: &[u8]) -> u16 {
    let words =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// CRC32c (RFC 9260 appendix A), bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_values() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        // The example of RFC 1071 §3, complemented.
        assert_eq!(internet(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
    }
}
