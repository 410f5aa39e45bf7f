$ErrorActionPreference = 'Stop'
$arguments = @{
    packageName    = 'kache'
    unzipLocation  = Split-Path -Parent $MyInvocation.MyCommand.Definition
    url64bit       = 'https://repository.invalid/kache/releases/download/v0.1.0/kache-x86_64-pc-windows-msvc.zip'
    checksum64     = '0000000000000000000000000000000000000000000000000000000000000000'
    checksumType64 = 'sha256'
}
Install-ChocolateyZipPackage @arguments
