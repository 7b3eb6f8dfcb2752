using System.Text.Json;

namespace Covol.Lab;

/// <summary>The files of one lab: a whole cluster on one machine below one folder.</summary>
public sealed class LabDirectory
{
    /// <summary>
    /// A Unix socket's path has at most 107 bytes (unix(7)), and the longest one below a lab's folder takes 50 of them.
    /// </summary>
    private const int PathLengthMax = 57;

    public LabDirectory(string path)
    {
        Path = System.IO.Path.GetFullPath(path);
        if (Path.Length > PathLengthMax)
        {
            throw new LabException(
                $"The lab's folder {Path} has a path of {Path.Length} characters; Unix sockets below it leave {PathLengthMax}. "
                + "Choose a shorter --dir.");
        }
    }

    public string Path { get; }

    public string File => $"{Path}/lab.json";

    public string Lun => $"{Path}/lun1.img";

    public string Certificates => $"{Path}/certificates";

    public bool Exists => System.IO.File.Exists(File);

    public string Node(int node) => $"{Path}/node{node}";

    public string Configuration(int node) => $"{Node(node)}/etc/covol.json";

    public string ApiSocket(int node) => $"{Node(node)}/run/node.sock";

    public string NamespaceRoot(int node) => $"{Node(node)}/ClusterStorage";

    public LabFile Read()
    {
        try
        {
            return JsonSerializer.Deserialize(System.IO.File.ReadAllText(File), LabJson.Default.LabFile)
                ?? throw new LabException($"{File} is empty. Remove {Path} and run 'covol lab up' again.");
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new LabException($"There is no lab in {Path}. Run 'covol lab up --dir {Path}' first.", failure);
        }
        catch (JsonException failure)
        {
            throw new LabException($"{File} cannot be read: {failure.Message} Remove {Path} and run 'covol lab up' again.", failure);
        }
    }

    public void Write(LabFile lab) => System.IO.File.WriteAllText(File, JsonSerializer.Serialize(lab, LabJson.Default.LabFile));

    /// <summary>A node's number from what a person types: <c>node2</c> or <c>2</c>.</summary>
    public int ParseNode(string text)
    {
        var nodes = Read().Nodes;
        var digits = text.StartsWith("node", StringComparison.Ordinal) ? text["node".Length..] : text;
        return int.TryParse(digits, out var node) && nodes.Contains(node)
            ? node
            : throw new LabException($"There is no node '{text}' in the lab; its nodes are {string.Join(", ", nodes.Select(n => $"node{n}"))}.");
    }
}
