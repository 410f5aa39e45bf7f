$ErrorActionPreference = 'Stop'
$arguments = @{
    packageName    = '@name@'
    unzipLocation  = Split-Path -Parent $MyInvocation.MyCommand.Definition
    url64bit       = '@repository@/releases/download/v@version@/kache-x86_64-pc-windows-msvc.zip'
    checksum64     = '@sha256:kache-x86_64-pc-windows-msvc.zip@'
    checksumType64 = 'sha256'
}
Install-ChocolateyZipPackage @arguments
