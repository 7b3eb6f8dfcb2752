using Covol.Protocol.Units;

namespace Covol.Lun;

/// <summary>What each block device checks before it touches its medium.</summary>
internal static class BlockRange
{
    public static void Check(IBlockDevice device, LunByteOffset start, long length)
    {
        var mask = device.BlockSize - 1;
        if ((start.Value & mask) != 0 || (length & mask) != 0)
        {
            throw new ArgumentException(
                $"{length} bytes at {start} are not whole blocks of {device.BlockSize} bytes.", nameof(start));
        }

        if (start.Value < 0 || length < 0 || start.Value > device.Size.Value - length)
        {
            throw new LunException(
                LunError.OutOfRange, $"{length} bytes at {start} lie outside the LUN, which has {device.Size}.");
        }
    }
}
